// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "audit/event.h"
#include "base/clock.h"
#include "gateway/credential_lives.h"
#include "gateway/credential_report.h"
#include "gateway/world.h"
#include "telemetry/log.h"

namespace claviger::gateway {

// What is to be told of credentials' lives, and what only time does to them.
//
// A change of state is an event, `credential.state_changed`, and a line in the log. One that comes and goes is told of every ten seconds, as
// it is by then: whoever runs an upstream is not to say how much of the log it takes. What is due for rotation or about to expire
// stands in the log at the start and once a day.
//
// Threads: the control thread's.
class CredentialDesk {
 public:
  static constexpr std::chrono::seconds kQuiet{10};
  static constexpr std::chrono::hours kReminder{24};
  static constexpr std::chrono::minutes kSaveEvery{5};
  static constexpr std::size_t kMostReminders = 20;  // lines at a time
  static constexpr std::size_t kMostNames = 100;  // in metrics; the rest is summed up under "(other)"

  struct Parts {
    const Clock& clock;
    CredentialLives& lives;
    telemetry::Log& log;
    std::function<void(audit::Event)> record;
    // Keeps when credentials were used last; null: nobody does.
    std::function<void(std::vector<CredentialLives::Use>)> save;
  };
  explicit CredentialDesk(Parts parts) : parts_(std::move(parts)) {}

  // Once a second. `world`: that was published last; with `can_tell` events are taken: what is to be told waits without.
  void look(const World& world, bool can_tell);
  // Secrets were read anew, of whatever they are: what was held against them is forgotten.
  void begin_anew(std::string_view reason);
  // What was used since it was saved last: at the end, as well.
  void save_uses();
  // Prometheus text: families of their own, behind others'.
  std::string expose(const World& world) const;

 private:
  struct Told {
    policy::CredentialState state = policy::CredentialState::kActive;
    Monotonic when{};
    bool was_told = false;
    std::optional<StateChange> last;  // that waits to be told
    std::uint64_t changes = 0;  // since
  };
  void tend(CredentialLife& life, const policy::CredentialResource& resource, bool can_tell);
  void look_at_the_clock(CredentialLife& life, const policy::CredentialResource& resource) const;
  void tell_what_is_due(const CredentialLife& life, Told& told);
  void tell(const CredentialLife& life, Told& told);
  void remind(const World& world);

  Parts parts_;
  std::map<std::string, Told, std::less<>> told_;
  std::array<std::uint64_t, policy::kCredentialStates> changes_to_{};
  std::optional<Monotonic> reminded_;
  Monotonic saved_{};
  std::map<std::string, WallTime, std::less<>> saved_uses_;
};

}  // namespace claviger::gateway
