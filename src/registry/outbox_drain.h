// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "audit/lane.h"
#include "net/background.h"
#include "net/loop.h"
#include "net/task.h"
#include "registry/outbox_event.h"
#include "store/store.h"
#include "telemetry/log.h"
#include "vault/key_holder.h"

namespace claviger::registry {

// Takes management's events over from the store's outbox into the audit log, each once: an entry leaves the outbox when the
// log has synced it, and one that the log has already (a crash came in between) is not put in again. What this
// gateway did not write, what comes a second time and what is missing leave a mark in the log.
//
// Threads: the control thread's.
class OutboxDrain {
 public:
  // `in_log`: the number of the last event that the log held when it was opened.
  OutboxDrain(net::Loop& control, net::BackgroundThread& store_thread, store::Store& store,
              vault::KeyHolder& keys, audit::Lane& lane, std::uint64_t in_log, telemetry::Log& log);

  // There are new entries, up to the revision of `last`. Runs on until all are taken over.
  void kick(EventNumber last);
  bool is_idle() const noexcept { return !running_; }

 private:
  net::Task<void> drain();
  net::Task<bool> drain_once();
  net::Task<void> pause(std::chrono::milliseconds time);
  std::vector<OutboxEvent> open(const std::vector<store::OutboxEntry>& entries);
  void append(const OutboxEvent& event);
  bool follows(const OutboxEvent& event) const noexcept;
  void look_for_the_end();
  void mark(std::string_view type, std::string_view reason, std::uint64_t number);

  net::Loop& control_;
  net::BackgroundThread& store_thread_;
  store::Store& store_;
  vault::KeyHolder& keys_;
  audit::Lane& lane_;
  telemetry::Log& log_;
  std::uint64_t in_log_;
  std::uint32_t of_ = 0;  // how many the revision of the last one has; 0: not known
  std::uint64_t expected_ = 0;  // the last revision's first number
  bool recovering_ = true;  // until the outbox was empty once: what is in the log already was left by a crash
  bool running_ = false;
  bool again_ = false;
  bool failing_ = false;
};

}  // namespace claviger::registry
