// SPDX-License-Identifier: Apache-2.0
// Checkpoint notes, verifier keys and the file of checkpoints, as they come from a copy of a log: whatever is not what the
// one key signed is refused, and what is taken apart is taken apart at the same places from either end.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "audit/log_files.h"
#include "audit/note.h"
#include "fuzz_check.h"

namespace audit = claviger::audit;
using claviger::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Of the key in the corpus nobody has the secret half any more; the only notes that open are those of the corpus.
  static const auto key =
      *audit::parse_verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  if (const auto opened = audit::open_note(text, key); opened.has_value())
    expect(opened->ends_with('\n') && text.starts_with(*opened), "a note's text is its beginning");
  expect(!audit::open_checkpoint(text, key).has_value(), "no checkpoint was ever signed with this key");
  expect(!audit::open_state(text, key).has_value(), "no state was ever signed with this key");
  if (const auto parsed = audit::parse_verifier_key(text); parsed.has_value())
    expect(parsed->text() == text, "a verifier key has one spelling");

  const std::string_view first = audit::first_note(text);
  expect(text.starts_with(first), "the first note is the beginning of the file");
  const audit::NotePlace last = audit::last_note(text);
  expect(last.begin <= last.end && last.end <= text.size(), "the last note lies in the file");
  if (!first.empty()) expect(last.end >= first.size() + 1, "a file that has a first note has a last one");
  return 0;
}
