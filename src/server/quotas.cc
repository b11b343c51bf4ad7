// SPDX-License-Identifier: Apache-2.0
#include "server/quotas.h"

#include <utility>

#include "server/credential_uses.h"

namespace claviger::server {
namespace {

std::vector<store::Counter> counters_of(std::vector<policy::SavedLease> leases) {
  std::vector<store::Counter> counters;
  counters.reserve(leases.size());
  for (policy::SavedLease& lease : leases)
    counters.push_back({std::move(lease.name), lease.window, lease.leased});
  return counters;
}

}  // namespace

Quotas::Quotas(net::Loop& control) : desk_(cells_, storage()), leases_(control, desk_) {}

policy::LeaseStorage Quotas::storage() {
  return {[this](auto leases, auto done) {
            if (store_ == nullptr) return done(ok());
            net::spawn(save(std::move(leases), std::move(done)));
          },
          [this](auto names) {
            if (store_ != nullptr) net::spawn(forget(std::move(names)));
          }};
}

Result<void> Quotas::load(store::Store& store, net::BackgroundThread& store_thread) {
  std::vector<policy::SavedLease> leases;
  for (store::Counter& counter : CLV_TRY(store.counters()))
    if (!CredentialUses::is_one(counter.name))
      leases.push_back({std::move(counter.name), counter.window, counter.leased});
  desk_.load(std::move(leases));
  store_ = &store;
  store_thread_ = &store_thread;
  return ok();
}

net::Task<void> Quotas::save(std::vector<policy::SavedLease> leases, std::function<void(Result<void>)> done) {
  const std::vector<store::Counter> counters = counters_of(std::move(leases));
  const auto saved = co_await store_thread_->run([&] { return store_->save_counters(counters); });
  done(saved);
}

// They are tried again at the next sweep of the next process.
net::Task<void> Quotas::forget(std::vector<std::string> names) {
  [[maybe_unused]] const auto forgotten =
      co_await store_thread_->run([&] { return store_->forget_counters(names); });
}

}  // namespace claviger::server
