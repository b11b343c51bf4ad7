// SPDX-License-Identifier: Apache-2.0
#include "telemetry/redact.h"

#include "telemetry/redact_scanner.h"

namespace claviger::telemetry {
namespace {

constexpr std::size_t kMax = std::size_t{16} << 10;      // of text that is taken, and of what comes out
constexpr std::size_t kWindow = 2 * kMax;  // what is looked at: credentials may reach over kMax
constexpr std::size_t kRoom = kMax - kCut.size();

// Where `text` may be cut to have room for the "[cut]": at kRoom or a little before, not within a
// character, and not within a "[redacted]", which would no longer be known for one.
std::size_t cutting_place(std::string_view text) noexcept {
  if (text.size() <= kRoom) return text.size();
  std::size_t place = kRoom;
  const std::size_t mark = text.rfind(kRedacted, place);
  if (mark != std::string_view::npos && mark + kRedacted.size() > place) place = mark;
  while (place > 0 && (static_cast<unsigned char>(text[place]) & 0xc0) == 0x80) --place;
  return place;
}

}  // namespace

std::string redact(std::string_view text) {
  RedactScanner scanner(text.substr(0, kWindow));
  const std::string_view taken = text.substr(0, kMax);
  std::string out;
  std::size_t done = 0;
  while (done < taken.size() && out.size() <= kMax) {
    const auto span = scanner.next();
    const std::size_t plain_end = span ? std::min(span->begin, taken.size()) : taken.size();
    out.append(taken.substr(done, plain_end - done));
    done = plain_end;
    if (span && span->begin < taken.size()) {
      out.append(kRedacted);
      done = span->end;
    }
  }
  if (done < text.size() || out.size() > kMax) {
    out.resize(cutting_place(out));
    out.append(kCut);
  }
  return out;
}

bool needs_redaction(std::string_view text) noexcept {
  return text.size() > kMax || RedactScanner(text).next().has_value();
}

}  // namespace claviger::telemetry
