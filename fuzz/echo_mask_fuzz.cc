// SPDX-License-Identifier: Apache-2.0
// Masking of arbitrary secrets in arbitrary texts, cut anywhere: the same as what the slow masker makes of the whole, nothing
// left open behind it, and as long as it was. Input: how many secrets (1 or 2), their sizes less 16, the sizes of pieces, then the secrets
// and the text, in which 0xf0 to 0xff stand for forms of them, whole or their beginnings.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "credentials/testing/mask_bench.h"
#include "credentials/testing/slow_masker.h"
#include "fuzz_check.h"

using claviger::credentials::EchoMarks;
using claviger::credentials::testing::MaskBench;
using claviger::credentials::testing::slow_forms;
using claviger::credentials::testing::SlowForm;
using claviger::credentials::testing::SlowMasker;
using claviger::fuzz::expect;

namespace {

constexpr std::size_t kMostShown = std::size_t{16} * 6;

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  std::size_t number() {
    if (bytes_.empty()) return 0;
    const auto octet = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return octet;
  }
  std::string take(std::size_t size) {
    std::string taken(bytes_.substr(0, size));
    bytes_.remove_prefix(taken.size());
    taken.resize(size, 'x');
    return taken;
  }
  bool is_empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

// Of several lines each would be looked for by itself, which the slow masker does not do.
std::string one_line(std::string secret) {
  for (char& c : secret)
    if (static_cast<unsigned char>(c) < ' ') c = static_cast<char>(c + '@');
  if (secret.starts_with("-----")) secret[0] = 'x';
  return secret;
}

// Echoes that a fuzzer would not find by itself.
std::string text_of(Input& input, const std::vector<std::string>& secrets) {
  constexpr std::size_t kEcho = 0xf0;
  constexpr std::size_t kMost = 1024;
  std::vector<std::vector<SlowForm>> forms_of;
  for (const std::string& secret : secrets) forms_of.push_back(slow_forms(secret));
  std::string text;
  while (!input.is_empty() && text.size() < kMost) {
    const std::size_t octet = input.number();
    if (octet < kEcho) {
      text.push_back(static_cast<char>(octet));
      continue;
    }
    const auto& forms = forms_of[octet % secrets.size()];
    const auto& form = forms[input.number() % forms.size()];
    std::string echo = form.text + form.may_follow.substr(0, 1);
    const std::size_t cut = octet >= kEcho + 8 ? 0 : input.number();
    text += echo.substr(0, echo.size() - std::min(cut, echo.size()));
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static MaskBench bench;
  Input input({reinterpret_cast<const char*>(data), size});
  constexpr std::size_t kLeast = claviger::credentials::kLeastMarkedSecret;
  std::vector<std::size_t> sizes(1 + input.number() % 2);
  for (std::size_t& each : sizes) each = kLeast + input.number() % 64;
  std::vector<std::size_t> pieces(1 + input.number() % 4);
  for (std::size_t& each : pieces) each = 1 + input.number();
  std::vector<std::string> secrets;
  for (const std::size_t each : sizes) secrets.push_back(one_line(input.take(each)));
  const std::string text = text_of(input, secrets);

  const EchoMarks marks = bench.marks_of(secrets);
  const std::string masked = bench.mask(marks, text, pieces);
  expect(masked == SlowMasker(secrets).mask(text), "it is what the slow masker makes of it");
  expect(masked == bench.mask(marks, text, {1}), "however it is cut");
  // Pauses show less than a block of an echo, in the longest form of it, and alter nothing else.
  const std::string paused = bench.mask_with_pauses(marks, text, pieces);
  expect(paused.size() == text.size(), "it is as long as it was");
  std::size_t shown = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    expect(paused[at] == masked[at] || paused[at] == text[at], "it is masked or as it was");
    shown = paused[at] == masked[at] ? 0 : shown + 1;
    expect(shown < kMostShown, "less than a block is shown");
  }
  expect(bench.is_wiped(), "nothing is left of the open secrets");
  return 0;
}
