// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "policy/quota.h"

namespace claviger::policy {

// What is known of a counter after a crash: that `leased` calls of the window may have been made. The same as
// store::Counter, which policy does not know.
struct SavedLease {
  std::string name;  // "<grant>/<principal>": neither can have a '/' in its name
  std::uint64_t window = 0;  // its start, in seconds since 1970
  std::uint64_t leased = 0;
};

// Where leases are kept.
struct LeaseStorage {
  // Makes all of them durable, each in the place of the one of its name; then calls back, once, on the control thread. An
  // Error is passed on to callers: it says what is wrong with the store.
  std::function<void(std::vector<SavedLease> leases, std::function<void(Result<void>)> done)> save;
  // Those are not needed any more. In order with save().
  std::function<void(std::vector<std::string> names)> forget;
};

// What take() was asked when it said kNeedsLease.
struct LeaseRequest {
  std::string grant;
  std::string principal;
  std::uint64_t key = 0;
  Quota quota;
  WallTime now{};
};

// Hands out leases: so many calls of a quota, recorded as made before the first of them is. Counters that are
// asked for while a save is under way go together into the next one, so that the store is written as often as
// it can sync and not as often as somebody asks.
//
// Owns: nothing; borrows the cells, which outlive it. Callbacks that are due when it is destroyed are not called.
// Threads: the control thread's. Workers come by policy/lease_wait.h.
class LeaseDesk {
 public:
  LeaseDesk(QuotaCells& cells, LeaseStorage storage);

  // What was saved, before the first ask(): all of it counts as used.
  void load(std::vector<SavedLease> saved);

  // Calls back once a call was taken for whoever asks (kTaken) or the quota is used up (kExhausted); or with kUnavailable
  // (blame: operator) when the lease cannot be saved, or there are too many counters. Possibly at once.
  // An empty `done` is for a lease that runs out, with nobody waiting.
  using Done = std::function<void(Result<QuotaDecision>)>;
  void ask(const LeaseRequest& request, Done done);

  // Answers everybody who waits, and whoever asks from now on, with kUnavailable: the gateway stops, and nobody is to be kept
  // waiting for a store that may be stuck.
  void stop();

  // Forgets counters whose window began more than kKeep ago. Now and then, such as once an hour: the clock may have been set
  // back in between, so a window is long over before its counter goes.
  static constexpr std::chrono::hours kKeep{24 * 62};  // windows are of 31 days at the most
  void sweep(WallTime now);

  // For metrics.
  std::uint64_t saves() const noexcept { return saves_; }
  std::uint64_t failed_saves() const noexcept { return failed_saves_; }
  std::size_t size() const noexcept { return counters_.size(); }

 private:
  struct Waiting {
    Done done;
    std::int64_t window;  // that they are in
    WallTime now;
  };
  struct Answer {
    Done done;
    QuotaDecision decision;
  };
  struct Counter {
    std::int64_t window = -1;  // the newest that anything was leased of
    std::uint64_t leased = 0;  // of it; saved
    std::uint64_t used = 0;  // of that: made, or forfeited, when the cell was opened
    QuotaCells::Cell* cell = nullptr;
    QuotaCells::Lease lease;  // as the cell was opened
    Quota quota;  // as it was asked for last
    std::int64_t wanted_window = 0;
    bool is_queued = false;  // to be saved, or being saved
    std::vector<Waiting> waiting;
  };
  using Counters = std::unordered_map<std::string, Counter>;

  Result<void> seat(Counter& counter, std::uint64_t key);
  bool needs_save(Counter& counter, std::vector<Answer>& answers);
  SavedLease plan(const std::string& name, const Counter& counter) const;
  void reopen(Counter& counter, std::int64_t window, std::uint64_t leased, std::vector<Answer>& answers);
  void serve_waiting(Counter& counter, std::uint64_t usable, std::vector<Answer>& answers);
  void save_queued();
  void saved(const std::vector<SavedLease>& leases, const Result<void>& outcome);

  QuotaCells& cells_;
  LeaseStorage storage_;
  Counters counters_;
  std::vector<Counters::value_type*> queue_;  // to be saved next
  bool is_saving_ = false;
  bool is_stopping_ = false;
  std::uint64_t saves_ = 0;
  std::uint64_t failed_saves_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for callbacks that come too late
};

}  // namespace claviger::policy
