// SPDX-License-Identifier: Apache-2.0
#include "registry/outbox_drain.h"

#include "audit/event.h"
#include "registry/outbox_event.h"

namespace claviger::registry {
namespace {

constexpr std::size_t kAtOnce = 256;
constexpr auto kLookAgain = std::chrono::milliseconds(20);
constexpr auto kTryAgain = std::chrono::milliseconds(1000);

struct Sleep {
  net::Timer timer;
  std::chrono::milliseconds time;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    timer.start(time, [handle] { handle.resume(); });
  }
  void await_resume() const noexcept {}
};

}  // namespace

OutboxDrain::OutboxDrain(net::Loop& control, net::BackgroundThread& store_thread, store::Store& store,
                         vault::KeyHolder& keys, audit::Lane& lane, std::uint64_t in_log, telemetry::Log& log)
    : control_(control),
      store_thread_(store_thread),
      store_(store),
      keys_(keys),
      lane_(lane),
      log_(log),
      in_log_(in_log) {}

void OutboxDrain::kick() {
  again_ = true;
  if (running_) return;
  running_ = true;
  net::spawn(drain());
}

net::Task<void> OutboxDrain::pause(std::chrono::milliseconds time) {
  co_await Sleep{net::Timer(control_), time};
}

net::Task<void> OutboxDrain::drain() {
  while (again_) {
    again_ = false;
    while (co_await drain_once()) {
    }
  }
  running_ = false;
}

void OutboxDrain::append(const store::OutboxEntry& entry) {
  if (const auto event = open_event(keys_, entry.event)) return lane_.append(*event, entry.number);
  log_.error("outbox_refused",
             {{"entry", entry.number},
              {"detail", "an event in the store's outbox was altered or not written by this gateway"}});
  lane_.append(audit::Event(control_.clock().wall(), "outbox.refused").add("entry", entry.number).text(),
               entry.number);
}

// True: there was something, so there may be more.
net::Task<bool> OutboxDrain::drain_once() {
  auto entries = co_await store_thread_.run([this] { return store_.outbox(kAtOnce); });
  if (!entries.has_value()) {
    if (!failing_) log_.error("outbox_failed", {{"reason", entries.error().what()}});
    failing_ = true;
    co_await pause(kTryAgain);
    co_return true;
  }
  if (entries->empty()) {
    failing_ = false;
    co_return false;
  }
  for (const store::OutboxEntry& entry : *entries) {
    if (entry.number <= in_log_) continue;
    while (!lane_.has_room()) co_await pause(kLookAgain);
    append(entry);
    in_log_ = entry.number;
  }
  const std::uint64_t mark = lane_.appended();
  while (lane_.synced() < mark) co_await pause(kLookAgain);
  const std::uint64_t last = entries->back().number;
  const auto forgotten = co_await store_thread_.run([this, last] { return store_.forget_outbox(last); });
  if (forgotten.has_value()) co_return true;
  if (!std::exchange(failing_, true)) log_.error("outbox_failed", {{"reason", forgotten.error().what()}});
  co_await pause(kTryAgain);
  co_return true;
}

}  // namespace claviger::registry
