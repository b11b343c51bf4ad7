// SPDX-License-Identifier: Apache-2.0
#include "registry/outbox_drain.h"

#include <algorithm>
#include <utility>

#include "audit/event.h"
#include "net/pause.h"

namespace claviger::registry {
namespace {

constexpr std::size_t kAtOnce = 256;
constexpr auto kLookAgain = std::chrono::milliseconds(20);
constexpr auto kTryAgain = std::chrono::milliseconds(1000);

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

void OutboxDrain::kick(EventNumber last) {
  expected_ = EventNumber{.era = last.era, .revision = last.revision, .index = 0}.value();
  again_ = true;
  if (running_) return;
  running_ = true;
  net::spawn(drain());
}

net::Task<void> OutboxDrain::pause(std::chrono::milliseconds time) { co_await net::Pause{control_, time}; }

net::Task<void> OutboxDrain::drain() {
  while (again_) {
    again_ = false;
    while (co_await drain_once()) {
    }
  }
  running_ = false;
}

// True: there was something, so there may be more.
net::Task<bool> OutboxDrain::drain_once() {
  // Everything up to here was committed before the outbox is read, and has to be in it.
  const std::uint64_t expected = expected_;
  auto entries = co_await store_thread_.run([this] { return store_.outbox(kAtOnce); });
  if (!entries.has_value()) {
    if (!std::exchange(failing_, true)) log_.error("outbox_failed", {{"reason", entries.error().what()}});
    co_await pause(kTryAgain);
    co_return true;
  }
  if (entries->empty()) {
    failing_ = recovering_ = false;
    if (in_log_ < expected) look_for_the_end();
    co_return false;
  }
  for (const OutboxEvent& event : open(*entries)) {
    while (!lane_.has_room(control_.now())) co_await pause(kLookAgain);
    append(event);
  }
  const std::uint64_t appended = lane_.appended();
  while (lane_.synced() < appended) co_await pause(kLookAgain);
  // These and no others: a row with a high number must not take along what was committed meanwhile.
  std::vector<std::uint64_t> taken;
  for (const store::OutboxEntry& entry : *entries) taken.push_back(entry.number);
  const auto forgotten = co_await store_thread_.run([&] { return store_.forget_outbox(taken); });
  if (forgotten.has_value()) co_return true;
  if (!std::exchange(failing_, true)) log_.error("outbox_failed", {{"reason", forgotten.error().what()}});
  co_await pause(kTryAgain);
  co_return true;
}

// In the order of their own numbers: that of the rows is anybody's who can write them.
std::vector<OutboxEvent> OutboxDrain::open(const std::vector<store::OutboxEntry>& entries) {
  std::vector<OutboxEvent> events;
  for (const store::OutboxEntry& entry : entries) {
    if (const auto event = open_event(keys_, entry.event)) events.push_back(*event);
    else mark("outbox.refused", "an event was altered, or not written by this gateway", entry.number);
  }
  std::ranges::sort(events, {}, &OutboxEvent::number);
  return events;
}

void OutboxDrain::append(const OutboxEvent& event) {
  if (event.number <= in_log_) {
    if (!recovering_) mark("outbox.refused", "an event was put in once more", event.number);
    return;
  }
  if (!follows(event)) mark("outbox.gap", "events before this one were taken out", event.number);
  lane_.append(event.event, event.number);
  in_log_ = event.number;
  of_ = event.of;
}

bool OutboxDrain::follows(const OutboxEvent& event) const noexcept {
  if (in_log_ == 0) return true;  // a new log; whether it should be is somebody else's question
  const EventNumber last = EventNumber::of(in_log_);
  const EventNumber next = EventNumber::of(event.number);
  if (next.era != last.era) return next.index == 0;
  const bool more_of_it = of_ == 0 || last.index + 1 < of_;
  const bool may_be_next = of_ == 0 || last.index + 1 == of_;
  if (next.revision == last.revision) return more_of_it && next.index == last.index + 1;
  return may_be_next && next.revision == last.revision + 1 && next.index == 0;
}

// The outbox is empty, and what was committed last is not in the log.
void OutboxDrain::look_for_the_end() {
  mark("outbox.gap", "events up to this one were taken out", expected_);
  in_log_ = expected_;
  of_ = 0;
}

void OutboxDrain::mark(std::string_view type, std::string_view reason, std::uint64_t number) {
  log_.error("outbox_tampered", {{"kind", type}, {"number", number}, {"reason", reason}});
  lane_.append(
      audit::Event(control_.clock().wall(), type).add("number", number).add("reason", reason).text());
}

}  // namespace claviger::registry
