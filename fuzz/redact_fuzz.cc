// SPDX-License-Identifier: Apache-2.0
// Redaction of arbitrary text: bounded, the same twice as once, agreeing with its own question; and
// escaping that leaves nothing a JSON string may not hold.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "telemetry/redact.h"

using claviger::telemetry::append_json_escaped;
using claviger::telemetry::needs_redaction;
using claviger::telemetry::redact;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string once = redact(text);
  CLV_CHECK(once.size() <= std::size_t{16} << 10);
  CLV_CHECK(needs_redaction(text) == (once != text));
  CLV_CHECK(redact(once) == once);

  std::string escaped;
  append_json_escaped(escaped, text);
  CLV_CHECK(escaped.size() <= 6 * size);
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    CLV_CHECK(static_cast<unsigned char>(escaped[i]) >= 0x20 && escaped[i] != '"' && escaped[i] != '\x7f');
    if (escaped[i] == '\\') ++i;
  }
  return 0;
}
