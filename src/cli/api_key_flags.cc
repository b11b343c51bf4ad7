// SPDX-License-Identifier: Apache-2.0
#include "cli/api_key_flags.h"

#include "base/clock.h"
#include "base/ip.h"
#include "base/parse.h"

namespace claviger::cli {
namespace {

Result<std::string> read_expiry(const std::string& text) {
  if (text.empty()) return std::string();
  const WallTime now = SystemClock().wall();
  if (const auto after = base::parse_duration(text); after.has_value())
    return base::format_rfc3339(now + *after);
  const auto at = base::parse_rfc3339(text);
  if (!at.has_value())
    return usage_error("--expires '" + text +
                       "': takes a duration such as 90d, or a time such as 2027-01-01T00:00:00Z");
  if (*at <= now) return usage_error("--expires '" + text + "' lies in the past");
  return base::format_rfc3339(*at);
}

}  // namespace

void ApiKeyFlags::declare(Flags& flags) {
  flags.required("--principal", "NAME", principal, "Whose key it is");
  flags.option("--expires", "TIME", expires,
               "When it ends: 90d, 12h, or a time such as 2027-01-01T00:00:00Z (default: never)");
  flags.repeated("--cidr", "RANGE", cidrs,
                 "An address range it may be used from (may be given again; default: anywhere)");
}

Result<void> ApiKeyFlags::check() {
  if (!base::is_resource_name(principal))
    return usage_error("--principal must be 1 to 64 of a-z 0-9 - _ . and begin with a letter or digit");
  expires = CLV_TRY(read_expiry(expires));
  for (const std::string& cidr : cidrs)
    if (auto parsed = base::parse_cidr(cidr); !parsed.has_value())
      return usage_error("--cidr '" + cidr + "': " + std::string(parsed.error().what()));
  return ok();
}

}  // namespace claviger::cli
