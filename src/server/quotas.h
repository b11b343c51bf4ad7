// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "net/background.h"
#include "net/loop.h"
#include "net/task.h"
#include "policy/lease_desk.h"
#include "policy/lease_wait.h"
#include "policy/quota.h"
#include "store/store.h"

namespace claviger::server {

// The counters of quotas of this process, kept in the store. In side-car mode there is none: they begin anew with the
// process then.
//
// Threads: the control thread's; cells() and leases() are for workers, and outlive them.
class Quotas {
 public:
  explicit Quotas(net::Loop& control);

  // What an earlier process counted. Before any worker starts, and before the store's thread has work.
  Result<void> load(store::Store& store, net::BackgroundThread& store_thread);

  policy::QuotaCells& cells() noexcept { return cells_; }
  const policy::LeaseCounter& leases() const noexcept { return leases_; }
  const policy::LeaseDesk& desk() const noexcept { return desk_; }

  // Now and then, such as once an hour.
  void sweep(WallTime now) { desk_.sweep(now); }
  // Nobody waits for the store any more. When the gateway drains no longer, before workers are stopped.
  void stop() { desk_.stop(); }

 private:
  policy::LeaseStorage storage();
  net::Task<void> save(std::vector<policy::SavedLease> leases, std::function<void(Result<void>)> done);
  net::Task<void> forget(std::vector<std::string> names);

  store::Store* store_ = nullptr;
  net::BackgroundThread* store_thread_ = nullptr;
  policy::QuotaCells cells_;
  policy::LeaseDesk desk_;
  policy::LeaseCounter leases_;
};

}  // namespace claviger::server
