// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "policy/resources.h"

namespace claviger::policy {

Result<Quota> parse_quota(std::string_view text) {
  constexpr std::uint64_t kMaxCalls = 1'000'000'000'000;
  const std::size_t slash = text.find('/');
  const std::string_view unit = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  Quota quota;
  if (unit == "min") quota.window = std::chrono::minutes(1);
  if (unit == "h") quota.window = std::chrono::hours(1);
  if (unit == "d") quota.window = std::chrono::hours(24);
  const auto calls = base::parse_decimal(text.substr(0, slash), kMaxCalls);
  if (quota.window.count() == 0 || !calls.has_value() || *calls == 0) {
    return Error(Code::kInvalid, Blame::kOperator,
                 "a quota is '<calls>/<unit>', such as 100000/d: 1 to 1000000000000 calls, unit min, h or d");
  }
  quota.calls = *calls;
  return quota;
}

}  // namespace claviger::policy
