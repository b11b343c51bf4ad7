// SPDX-License-Identifier: Apache-2.0
#include "gateway/credential_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace claviger::gateway {
namespace {

using policy::CredentialState;

// What nobody waits for: it does not come and go.
bool is_told_at_once(const StateChange& change) noexcept {
  return change.reason == "expired" || change.reason == "login_refused" || !change.actor.empty();
}

// Calls `visit` with each usable credential and its resource: they stand in the same order.
template <class Visit>
void for_each_usable(const World& world, Visit visit) {
  for (const auto& upstream : *world.upstreams) {
    if (!upstream) continue;
    auto resource = upstream->source->credentials.begin();
    const auto end = upstream->source->credentials.end();
    for (const ReadyCredential& each : upstream->credentials) {
      while (resource != end && resource->name != each.life->name()) ++resource;
      if (resource == end) break;
      visit(each, *resource);
    }
  }
}

}  // namespace

void CredentialDesk::look(const World& world, bool can_tell) {
  std::map<std::string, Told, std::less<>> still;
  for_each_usable(world, [&](const ReadyCredential& each, const policy::CredentialResource& resource) {
    tend(*each.life, resource, can_tell);
    // Of most there is nothing to remember.
    if (const auto known = told_.find(resource.name); known != told_.end())
      still.insert(told_.extract(known));
  });
  told_ = std::move(still);
  const Monotonic now = parts_.clock.monotonic();
  if (!reminded_ || now - *reminded_ >= kReminder) {
    remind(world);
    reminded_ = now;
  }
  if (now - saved_ >= kSaveEvery) {
    save_uses();
    saved_ = now;
  }
}

// What has expired is out; where a later time was written down since, it is not any more.
void CredentialDesk::look_at_the_clock(CredentialLife& life,
                                       const policy::CredentialResource& resource) const {
  const Monotonic now = parts_.clock.monotonic();
  const WallTime expires = std::min(resource.expires.value_or(WallTime::max()), life.good_until());
  if (expires == WallTime::max() && life.is_usable()) return;
  const bool has_expired = expires <= parts_.clock.wall();
  const CredentialLife::View view = life.view(now);
  const bool is_known = view.state == CredentialState::kInvalid && view.reason == "expired";
  if (has_expired && !is_known) life.expire(now);
  if (!has_expired && is_known) life.begin_anew("not_expired", "", now);
}

void CredentialDesk::tend(CredentialLife& life, const policy::CredentialResource& resource, bool can_tell) {
  const Monotonic now = parts_.clock.monotonic();
  look_at_the_clock(life, resource);
  auto changes = life.tick(now);
  auto known = told_.find(life.name());
  if (changes.empty() && (known == told_.end() || !known->second.last)) {
    if (known != told_.end() && known->second.state == CredentialState::kActive &&
        now - known->second.when >= kQuiet)
      told_.erase(known);
    return;
  }
  Told& told = known != told_.end() ? known->second : told_[life.name()];
  for (StateChange& change : changes) {
    ++changes_to_[static_cast<std::size_t>(change.to)];
    ++told.changes;
    told.last = std::move(change);
  }
  if (can_tell) tell_what_is_due(life, told);
}

void CredentialDesk::tell_what_is_due(const CredentialLife& life, Told& told) {
  const Monotonic now = parts_.clock.monotonic();
  if (told.last->to == told.state && told.last->actor.empty()) {  // as if nothing had been
    told.last.reset();
    told.changes = 0;
    return;
  }
  if (!told.was_told || now - told.when >= kQuiet || is_told_at_once(*told.last)) tell(life, told);
}

void CredentialDesk::tell(const CredentialLife& life, Told& told) {
  const StateChange change = *std::exchange(told.last, std::nullopt);
  const CredentialState from = told.state == change.to ? change.from : told.state;
  audit::Event event(parts_.clock.wall(), "credential.state_changed");
  event.add("credential", life.name()).add("upstream", life.upstream()).add("version", life.version());
  event.add("from", policy::state_name(from)).add("to", policy::state_name(change.to));
  event.add("reason", change.reason).add("actor", change.actor);
  event.add_json("evidence", fmt::format(R"({{"principals":{},"against":{},"changes":{}}})",
                                         change.principals, change.against, told.changes));
  parts_.record(std::move(event));
  const bool is_good = change.to == CredentialState::kActive;
  parts_.log.write(is_good ? telemetry::Level::kInfo : telemetry::Level::kWarning, "credential_state_changed",
                   {{"credential", life.name()},
                    {"upstream", life.upstream()},
                    {"from", policy::state_name(from)},
                    {"to", policy::state_name(change.to)},
                    {"reason", change.reason},
                    {"principals", change.principals},
                    {"against", change.against}});
  told.state = change.to;
  told.when = parts_.clock.monotonic();
  told.was_told = true;
  told.changes = 0;
}

void CredentialDesk::begin_anew(std::string_view reason) {
  for (const auto& life : parts_.lives.all()) life->begin_anew(reason, "", parts_.clock.monotonic());
}

void CredentialDesk::remind(const World& world) {
  std::size_t lines = 0, left_out = 0;
  std::vector<std::string_view> names;
  for (const auto& upstream : *world.upstreams) {
    if (!upstream) continue;
    for (const policy::CredentialResource& credential : upstream->source->credentials) {
      names.push_back(credential.name);
      const auto report = report_on(credential, parts_.lives, parts_.clock.wall(), parts_.clock.monotonic());
      for (const std::string& warning : report.warnings) {
        if (++lines > kMostReminders) {
          ++left_out;
          continue;
        }
        parts_.log.warning(
            "credential_needs_attention",
            {{"credential", credential.name}, {"upstream", credential.upstream}, {"detail", warning}});
      }
    }
  }
  std::ranges::sort(names);
  parts_.lives.keep(names);  // of those that are no more nothing is to be known
  if (left_out > 0) parts_.log.warning("credentials_need_attention", {{"left_out", left_out}});
}

void CredentialDesk::save_uses() {
  if (!parts_.save) return;
  std::vector<CredentialLives::Use> changed;
  for (CredentialLives::Use& use : parts_.lives.uses()) {
    WallTime& saved = saved_uses_[use.name];
    if (saved == use.last) continue;
    saved = use.last;
    changed.push_back(std::move(use));
  }
  if (!changed.empty()) parts_.save(std::move(changed));
}

}  // namespace claviger::gateway
