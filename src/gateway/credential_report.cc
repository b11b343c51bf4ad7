// SPDX-License-Identifier: Apache-2.0
#include "gateway/credential_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"

namespace claviger::gateway {
namespace {

using policy::CredentialState;
using std::chrono::seconds;

std::string in_words(seconds time) {
  if (time >= std::chrono::days(2)) return fmt::format("{} days", time / std::chrono::days(1));
  if (time >= std::chrono::hours(2)) return fmt::format("{} hours", time / std::chrono::hours(1));
  return fmt::format("{} minutes", time / std::chrono::minutes(1));
}

// Short lives are not warned of from their first day on.
seconds ahead_of(seconds rotate_after) { return std::min<seconds>(kWarnAhead, rotate_after / 4); }

bool is_in_use(CredentialState state) noexcept {
  return state != CredentialState::kRevoked && state != CredentialState::kMissing &&
         state != CredentialState::kUnbound;
}

std::string how_to_set(const std::string& name) { return "`claviger credential set " + name + "`"; }

void look_at_rotation(const policy::CredentialResource& credential, WallTime wall, CredentialReport& report) {
  if (credential.from.empty() && credential.version > 0 && credential.set_at != WallTime())
    report.age = std::max(seconds(0), std::chrono::duration_cast<seconds>(wall - credential.set_at));
  if (!is_in_use(report.state)) return;
  if (credential.rotation_required != WallTime()) {
    report.rotation = Rotation::kRequired;
    report.warnings.push_back(fmt::format("needs another secret since {}, for an incident: {}",
                                          base::format_rfc3339(credential.rotation_required),
                                          how_to_set(credential.name)));
    return;
  }
  if (!report.age || !credential.rotate_after) return;
  report.rotate_by = credential.set_at + *credential.rotate_after;
  const auto left = std::chrono::duration_cast<seconds>(*report.rotate_by - wall);
  if (left.count() <= 0) {
    report.rotation = Rotation::kDue;
    report.warnings.push_back(
        fmt::format("is due for rotation: its secret is {} old, and rotate_after is {}: {}",
                    in_words(*report.age), in_words(*credential.rotate_after), how_to_set(credential.name)));
  } else if (left <= ahead_of(*credential.rotate_after)) {
    report.rotation = Rotation::kSoon;
    report.warnings.push_back(fmt::format("is due for rotation in {}", in_words(left)));
  }
}

void look_at_expiry(const policy::CredentialResource& credential, WallTime good_until, WallTime wall,
                    CredentialReport& report) {
  const WallTime expires = std::min(credential.expires.value_or(WallTime::max()), good_until);
  if (expires == WallTime::max()) return;
  report.expires = expires;
  report.has_expired = expires <= wall;
  if (!is_in_use(report.state)) return;
  if (report.has_expired)
    report.warnings.push_back(
        fmt::format("has expired ({}) and is not used any more", base::format_rfc3339(expires)));
  else if (const auto left = std::chrono::duration_cast<seconds>(expires - wall); left <= kWarnAhead)
    report.warnings.push_back(
        fmt::format("expires in {} ({})", in_words(left), base::format_rfc3339(expires)));
}

std::string_view trouble_word(Testimony::Kind kind) noexcept {
  if (kind == Testimony::Kind::kRefused) return "refused it (401)";
  return kind == Testimony::Kind::kExhausted ? "said that it is used up" : "throttled it (429)";
}

// What was found out of the version in use. While operators say otherwise, that counts.
void look_at_life(const CredentialLife& life, WallTime wall, Monotonic now, CredentialReport& report) {
  const CredentialLife::View view = life.view(now);
  if (view.state == CredentialState::kActive) {
    report.doubting = view.doubts.in_trouble;
    if (report.doubting > 0 && view.doubts.kind == Testimony::Kind::kRefused)
      report.warnings.push_back(
          fmt::format("may be invalid: of late the upstream {} for {} principal{}, which is too few to take "
                      "it from others",
                      trouble_word(view.doubts.kind), report.doubting, report.doubting == 1 ? "" : "s"));
    return;
  }
  report.state = view.state;
  report.reason = view.reason;
  report.since = wall - std::chrono::duration_cast<std::chrono::microseconds>(now - view.since);
  if (view.reason == "expired") return;  // it is said already
  report.warnings.push_back(fmt::format("is {} since {} ({})", policy::state_name(view.state),
                                        base::format_rfc3339(report.since), view.reason));
}

}  // namespace

std::string_view rotation_name(Rotation rotation) noexcept {
  switch (rotation) {
    case Rotation::kNone:
      break;
    case Rotation::kSoon:
      return "soon";
    case Rotation::kDue:
      return "due";
    case Rotation::kRequired:
      return "required";
  }
  return "none";
}

CredentialReport report_on(const policy::CredentialResource& credential, const CredentialLives& lives,
                           WallTime wall, Monotonic now) {
  CredentialReport report{.state = credential.state, .last_used = lives.last_used(credential.name)};
  // Its record does not know that nothing has come of its source yet.
  if (report.state == CredentialState::kActive && !credential.from.empty() && credential.version == 0)
    report.state = CredentialState::kMissing;
  look_at_rotation(credential, wall, report);
  auto life = lives.find(credential.name);
  // Of a secret that lies elsewhere the version is the source's to tell.
  if (life && credential.from.empty() && life->version() != credential.version) life.reset();
  look_at_expiry(credential, life ? life->good_until() : WallTime::max(), wall, report);
  if (report.state == CredentialState::kActive && life) look_at_life(*life, wall, now, report);
  if (report.has_expired && report.state == CredentialState::kActive)
    report.state = CredentialState::kInvalid;
  return report;
}

}  // namespace claviger::gateway
