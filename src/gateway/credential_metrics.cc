// SPDX-License-Identifier: Apache-2.0
// What /metrics says of credentials.
#include <algorithm>
#include <map>

#include "gateway/credential_desk.h"
#include "telemetry/exposition.h"

namespace claviger::gateway {
namespace {

using telemetry::label;

struct Sample {
  std::string upstream;
  std::int64_t age = -1;     // seconds; -1: none
  std::int64_t expires = -1;  // unix time; -1: never
  bool is_due = false;
  bool is_usable = true;
};

constexpr const char* kOther = "(other)";

std::int64_t unix_time(WallTime time) noexcept {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

Sample sample_of(const policy::CredentialResource& credential, const CredentialReport& report) {
  return {.upstream = credential.upstream,
          .age = report.age ? report.age->count() : -1,
          .expires = report.expires ? unix_time(*report.expires) : -1,
          .is_due = report.rotation == Rotation::kDue || report.rotation == Rotation::kRequired,
          .is_usable = report.state == policy::CredentialState::kActive};
}

// The worst of both.
void add(Sample& sum, const Sample& one) {
  sum.age = std::max(sum.age, one.age);
  if (one.expires >= 0) sum.expires = sum.expires < 0 ? one.expires : std::min(sum.expires, one.expires);
  sum.is_due |= one.is_due;
  sum.is_usable &= one.is_usable;
}

std::string labels_of(const std::string& name, const Sample& sample) {
  return label("credential", name) + "," + label("upstream", sample.upstream);
}

}  // namespace

std::string CredentialDesk::expose(const World& world) const {
  std::array<std::uint64_t, policy::kCredentialStates> states{};
  std::map<std::string, Sample> samples;
  Sample others{.upstream = kOther};
  bool has_others = false;
  for (const auto& upstream : *world.upstreams) {
    if (!upstream) continue;
    for (const policy::CredentialResource& credential : upstream->source->credentials) {
      const auto report = report_on(credential, parts_.lives, parts_.clock.wall(), parts_.clock.monotonic());
      ++states[static_cast<std::size_t>(report.state)];
      if (report.state == policy::CredentialState::kRevoked) continue;  // it is nobody's concern any more
      const Sample sample = sample_of(credential, report);
      if (samples.size() < kMostNames) samples.emplace(credential.name, sample);
      else add(others, sample), has_others = true;
    }
  }
  if (has_others) samples.emplace(kOther, others);

  telemetry::Exposition out;
  constexpr std::string_view kStates = "claviger_credentials";
  out.family(kStates, "gauge", "Credentials, by state.");
  for (const policy::CredentialState state : policy::kAllCredentialStates)
    out.sample(kStates, label("state", policy::state_name(state)), states[static_cast<std::size_t>(state)]);
  constexpr std::string_view kChanges = "claviger_credential_state_changes_total";
  out.family(kChanges, "counter",
             "Changes of credentials' states that the gateway found out by itself, by what they became.");
  for (const policy::CredentialState state : policy::kAllCredentialStates)
    if (state == policy::CredentialState::kActive || policy::is_found_out(state))
      out.sample(kChanges, label("state", policy::state_name(state)),
                 changes_to_[static_cast<std::size_t>(state)]);
  constexpr std::string_view kUsable = "claviger_credential_usable";
  out.family(kUsable, "gauge", "0 while a credential is not used for calls, whatever the reason.");
  for (const auto& [name, sample] : samples)
    out.sample(kUsable, labels_of(name, sample), sample.is_usable ? 1 : 0);
  constexpr std::string_view kAge = "claviger_credential_age_seconds";
  out.family(kAge, "gauge", "How long ago each credential's secret was set.");
  for (const auto& [name, sample] : samples)
    if (sample.age >= 0) out.sample(kAge, labels_of(name, sample), sample.age);
  constexpr std::string_view kDue = "claviger_credential_rotation_due";
  out.family(
      kDue, "gauge",
      "1 when a credential's secret is older than rotate_after, or has to be replaced after an incident.");
  for (const auto& [name, sample] : samples) out.sample(kDue, labels_of(name, sample), sample.is_due ? 1 : 0);
  constexpr std::string_view kExpiry = "claviger_credential_expiry_timestamp_seconds";
  out.family(kExpiry, "gauge", "When each credential or its certificate expires.");
  for (const auto& [name, sample] : samples)
    if (sample.expires >= 0) out.sample(kExpiry, labels_of(name, sample), sample.expires);
  return out.take();
}

}  // namespace claviger::gateway
