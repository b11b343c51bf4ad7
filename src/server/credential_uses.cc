// SPDX-License-Identifier: Apache-2.0
#include "server/credential_uses.h"

#include <algorithm>
#include <string>

namespace claviger::server {
namespace {

constexpr std::uint64_t kMostSeconds = std::uint64_t{1} << 40;

std::uint64_t seconds_of(WallTime time) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0));
}

}  // namespace

Result<void> CredentialUses::load(store::Store& store, net::BackgroundThread& store_thread,
                                  gateway::CredentialLives& lives) {
  for (const store::Counter& counter : CLV_TRY(store.counters()))
    if (is_one(counter.name))
      lives.was_used(counter.name.substr(kPrefix.size()),
                     WallTime(std::chrono::seconds(std::min(counter.window, kMostSeconds))));
  store_ = &store;
  store_thread_ = &store_thread;
  return ok();
}

void CredentialUses::save(std::vector<gateway::CredentialLives::Use> uses) {
  if (store_ == nullptr) return;
  std::vector<store::Counter> counters;
  for (const auto& use : uses)
    counters.push_back(
        {.name = std::string(kPrefix) + use.name, .window = seconds_of(use.last), .leased = 0});
  net::spawn(write(std::move(counters)));
}

net::Task<void> CredentialUses::write(std::vector<store::Counter> counters) {
  ++writing_;
  [[maybe_unused]] const auto saved =
      co_await store_thread_->run([&] { return store_->save_counters(counters); });
  --writing_;
}

}  // namespace claviger::server
