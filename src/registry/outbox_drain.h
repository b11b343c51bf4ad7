// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "audit/lane.h"
#include "net/background.h"
#include "net/loop.h"
#include "net/task.h"
#include "store/store.h"
#include "telemetry/log.h"
#include "vault/key_holder.h"

namespace claviger::registry {

// Takes management's events over from the store's outbox into the audit log, each once: an entry leaves the outbox when the
// log has synced it, and one that the log has already (a crash came in between) is not put in again. An entry that this
// gateway did not write leaves a mark in the log in its stead.
//
// Threads: the control thread's.
class OutboxDrain {
 public:
  // `in_log`: the highest entry that the log held when it was opened.
  OutboxDrain(net::Loop& control, net::BackgroundThread& store_thread, store::Store& store,
              vault::KeyHolder& keys, audit::Lane& lane, std::uint64_t in_log, telemetry::Log& log);

  // There may be new entries. Runs on until there are none.
  void kick();
  bool is_idle() const noexcept { return !running_; }

 private:
  net::Task<void> drain();
  net::Task<bool> drain_once();
  void append(const store::OutboxEntry& entry);
  net::Task<void> pause(std::chrono::milliseconds time);

  net::Loop& control_;
  net::BackgroundThread& store_thread_;
  store::Store& store_;
  vault::KeyHolder& keys_;
  audit::Lane& lane_;
  telemetry::Log& log_;
  std::uint64_t in_log_;
  bool running_ = false;
  bool again_ = false;
  bool failing_ = false;
};

}  // namespace claviger::registry
