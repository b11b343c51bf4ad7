// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "gateway/credential_lives.h"
#include "policy/resources.h"

namespace claviger::gateway {

// When a secret is to be replaced by another.
enum class Rotation : std::uint8_t {
  kNone,      // it is good for longer, or nobody wants to know
  kSoon,
  kDue,       // it is older than rotate_after
  kRequired,  // since an incident
};
std::string_view rotation_name(Rotation rotation) noexcept;  // "soon"

// How a credential is at a moment, from what its resource says and from what was found out.
struct CredentialReport {
  policy::CredentialState state = policy::CredentialState::kActive;
  std::string_view reason;  // of a state that was found out
  WallTime since{};         // the same; 1970: not such a state
  WallTime last_used{};     // to the second; 1970: not since anybody counts
  std::optional<std::chrono::seconds> age;  // of the version; none: it has none, or is kept elsewhere
  std::optional<WallTime> rotate_by;
  Rotation rotation = Rotation::kNone;
  std::optional<WallTime> expires;  // of credential or certificate, whichever is first
  bool has_expired = false;
  unsigned doubting = 0;  // principals with nothing but trouble of late, while it is active
  // What an operator ought to know, a sentence without its subject each: "is due for rotation: ...".
  std::vector<std::string> warnings;
};

CredentialReport report_on(const policy::CredentialResource& credential, const CredentialLives& lives,
                           WallTime wall, Monotonic now);

// How far ahead of `rotate_by` and of its expiry anybody is warned.
inline constexpr std::chrono::hours kWarnAhead = std::chrono::days(14);

}  // namespace claviger::gateway
