// SPDX-License-Identifier: Apache-2.0
// What a verifier reads of a log beside hashes: events of rotated keys and of pruning, the list of keys, the note of what was
// pruned. What is read is what its text says.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "audit/key_chain.h"
#include "audit/line.h"
#include "audit/prove.h"
#include "audit/pruned.h"
#include "fuzz_check.h"

namespace audit = claviger::audit;
using claviger::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const auto key =
      *audit::parse_verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  if (const auto rotated = audit::find_key_rotated(text); rotated) {
    const std::string_view type =
        audit::leading_type(text);  // empty: it begins as no event does, and readers pass it over
    expect(type.empty() || type == "audit.key_rotated", "an event of a rotated key says that it is one");
    expect(
        text.find(rotated->to.text()) != std::string_view::npos || text.find('\\') != std::string_view::npos,
        "it has the key's text");
    expect(rotated->from != rotated->to && rotated->from.name == rotated->to.name, "two keys of one log");
  }
  if (const auto pruned = audit::find_pruned_event(text); pruned) {
    expect(audit::leading_type(text) == "audit.pruned", "an event of pruning says that it is one");
    expect(pruned->first < pruned->tree.size(), "something was pruned");
  }
  if (const auto chain = audit::KeyChain::parse(text); chain.has_value()) {
    expect(chain->text() == text, "a list of keys has one spelling");
    expect(chain->has(chain->first()) && chain->has(chain->current()), "a list has its own keys");
  }
  expect(!audit::open_pruned(text, key).has_value(), "nothing of this key's was ever pruned");
  const std::string_view time = audit::leading_time(text);
  expect(time.empty() || time.size() == 24, "a time has one length");
  return 0;
}
