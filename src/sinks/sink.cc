// SPDX-License-Identifier: Apache-2.0
#include "sinks/sink.h"

#include <algorithm>
#include <utility>

#include "net/pause.h"
#include "sinks/turn.h"

namespace claviger::sinks {
namespace {

constexpr std::chrono::milliseconds kNone{0};

}  // namespace

Sink::Sink(SinkSurroundings around, std::string name, std::string type, std::size_t batch,
           std::unique_ptr<Outlet> outlet)
    : around_(std::move(around)),
      name_(std::move(name)),
      outlet_(std::move(outlet)),
      tail_(around_.log_directory, *outlet_, around_.extent, batch),
      file_(around_.log_directory, name_, around_.origin),
      pause_(around_.chance) {
  state_.name = name_;
  state_.type = std::move(type);
}

Sink::~Sink() {
  run_ = {};
  if (begun_ && around_.loop.clock().monotonic() >= save_not_before_) save();
}

void Sink::start() {
  run_ = run();
  run_.handle().resume();
}

// --- What it does --------------------------------------------------------------------------------

net::Task<void> Sink::run() {
  co_await begin();
  for (;;) {
    if (const auto pause = settle(); pause > kNone) co_await back_off(pause);
    save_if_due();
    co_await send_next();
  }
}

net::Task<void> Sink::back_off(std::chrono::milliseconds time) {
  waits_ = true;
  co_await net::Pause(around_.loop, time);
  waits_ = false;
}

net::Task<void> Sink::begin() {
  const std::optional<Position> position = file_.load();
  for (;;) {
    const auto is_there = tail_.begin_at(position);
    if (is_there.has_value()) {
      is_saved_ = *is_there;
      break;
    }
    co_await back_off(failed(is_there.error()));
  }
  if (position && !is_saved_ && around_.log.can_write())
    around_.log.warning("sink_begins_anew",
                        {{"sink", name_},
                         {"was_at", position->place.event},
                         {"detail", "the log has no such place; all that is kept is sent"}});
  settled_ = durable_ = tail_.position();
  begun_ = true;
  show_place(std::nullopt);
}

net::Task<void> Sink::send_next() {
  auto batch = tail_.read();
  if (!batch.has_value()) {
    const auto pause = after_failed_read(batch.error());
    if (pause > kNone) co_await back_off(pause);
    co_return;
  }
  at_end_ = finishing_ && batch->records.empty();
  if (batch->records.empty()) {
    show_place(std::nullopt);
    if (failing_ && in_doubt_.empty()) succeeded();
    co_await net::Pause(around_.loop, kLook);
    co_return;
  }
  show_place(batch->oldest);
  co_await deliver(*std::move(batch));
  co_await Turn(around_.loop);  // an outlet that never waits must not keep others from theirs
}

// How long to wait before the next.
std::chrono::milliseconds Sink::after_failed_read(const Error& error) {
  if (error.code() == Code::kNotFound && skip_gap()) return {};
  const auto pause = failed(error);
  // No line begins there any more: the log was put back from a copy. By its number the event is found.
  if (error.code() == Code::kInvalid) (void)tail_.begin_at(tail_.position());
  return pause;
}

bool Sink::skip_gap() {
  const auto gap = tail_.skip_gap();
  if (!gap.has_value() || !gap->has_value()) return false;
  const auto [first, end] = **gap;
  settled_ = tail_.position();
  in_doubt_.clear();
  save_not_before_ = around_.loop.now() + kGapRecorded;
  around_.record(audit::Event(around_.loop.wall_now(), "audit.sink_gap")
                     .add("sink", name_)
                     .add("first", first)
                     .add("end", end));
  if (around_.log.can_write())
    around_.log.error("sink_gap",
                      {{"sink", name_},
                       {"first", first},
                       {"end", end},
                       {"detail", "these events were pruned (audit.retention) before the sink had them"}});
  {
    const std::lock_guard lock(mutex_);
    state_.lost += end - first;
  }
  show_place(std::nullopt);
  return true;
}

net::Task<void> Sink::deliver(Batch batch) {
  const Position begin = tail_.position();
  for (;;) {
    const auto done = co_await outlet_->deliver(batch.records);
    if (done.has_value()) {
      delivered(batch);
      co_return;
    }
    const auto pause = failed(done.error());
    save_if_due();
    if (!in_doubt_.empty()) go_back();
    const bool went_back = tail_.position() != begin;  // for what is in doubt, or did not get to a disk
    if (went_back) batch = {};  // to be read once more, behind what is older
    co_await back_off(pause);
    if (went_back) co_return;
  }
}

void Sink::delivered(const Batch& batch) {
  tail_.go_on(batch);
  if (outlet_->doubt() > kNone) {
    in_doubt_.push_back({batch.next, around_.loop.now(), batch.oldest});
  } else {
    settled_ = batch.next;
    succeeded();
  }
  {
    const std::lock_guard lock(mutex_);
    state_.sent += batch.events;
  }
  show_place(batch.oldest);  // no younger than what comes next, until that is read
}

// --- How far it is -------------------------------------------------------------------------------

// How long to wait where what was delivered has to be sent again.
std::chrono::milliseconds Sink::settle() {
  if (in_doubt_.empty()) return kNone;
  const Monotonic now = around_.loop.now();
  const std::size_t doubts = in_doubt_.size();
  // First: when nobody looked for a while, what is old by now may have been lost since.
  const auto good = outlet_->still_good();
  if (!good.has_value()) {
    go_back();
    return failed(good.error());
  }
  while (!in_doubt_.empty() && now - in_doubt_.front().at >= outlet_->doubt()) {
    settled_ = in_doubt_.front().behind;
    in_doubt_.pop_front();
    succeeded();
  }
  if (in_doubt_.size() != doubts) show_place(oldest_);
  return kNone;
}

void Sink::go_back() {
  in_doubt_.clear();
  tail_.go_back_to(settled_);
  const auto batch = tail_.read();  // for its age: what follows is a pause
  show_place(batch.has_value() ? batch->oldest : around_.loop.wall_now());
}

void Sink::save_if_due() {
  const Monotonic now = around_.loop.now();
  if (!begun_ || now < save_not_before_ || now - saved_at_ < kSave) return;
  saved_at_ = now;
  save();
}

// What a disk did not take when it was asked to is sent once more: nobody knows what of it is there.
void Sink::save() {
  if (settled_ == durable_ && is_saved_) return;
  const auto durable = outlet_->make_durable();
  if (!durable.has_value()) {
    (void)failed(durable.error());
    settled_ = durable_;
    return go_back();
  }
  durable_ = settled_;
  save_position();
}

void Sink::save_position() {
  const auto saved = file_.save(durable_);
  is_saved_ = saved.has_value();
  const bool was_failing = std::exchange(save_failing_, !is_saved_);
  if (was_failing == save_failing_ || !around_.log.can_write()) return;
  if (is_saved_) around_.log.info("sink_position_saved", {{"sink", name_}});
  else around_.log.warning("sink_position_not_saved", {{"sink", name_}, {"reason", saved.error().what()}});
}

// --- What is said of it --------------------------------------------------------------------------

// How long to wait before the next attempt.
std::chrono::milliseconds Sink::failed(const Error& error) {
  ++attempts_;
  failing_ = true;
  {
    const std::lock_guard lock(mutex_);
    ++state_.failed;
    state_.failing = true;
    state_.failure = error.what();
    // As old as the failure, for all that is known of what was not read.
    if (!oldest_) oldest_ = around_.loop.wall_now();
  }
  tell(error);
  return pause_.next();
}

// At first, and then once a minute.
void Sink::tell(const Error& error) {
  const Monotonic now = around_.loop.now();
  if ((attempts_ > 1 && now - told_at_ < kTell) || !around_.log.can_write()) return;
  told_at_ = now;
  const auto level =
      error.blame() == Blame::kOperator ? telemetry::Level::kError : telemetry::Level::kWarning;
  around_.log.write(level, "sink_failing",
                    {{"sink", name_},
                     {"reason", error.what()},
                     {"attempts", attempts_},
                     {"behind", tail_.behind()},
                     {"detail", "nothing is left out; it is tried again by itself"}});
}

void Sink::succeeded() {
  pause_.reset();
  attempts_ = 0;
  if (!std::exchange(failing_, false)) return;
  {
    const std::lock_guard lock(mutex_);
    state_.failing = false;
    state_.failure.clear();
  }
  if (around_.log.can_write())
    around_.log.info("sink_recovered", {{"sink", name_}, {"behind", tail_.behind()}});
}

void Sink::show_place(std::optional<WallTime> oldest) {
  const std::lock_guard lock(mutex_);
  state_.next_event = tail_.position().place.event;
  oldest_ = oldest;
  doubted_ = oldest_in_doubt();
}

std::optional<WallTime> Sink::oldest_in_doubt() const noexcept {
  for (const Delivered& each : in_doubt_)
    if (each.oldest) return each.oldest;
  return std::nullopt;  // checkpoints have no age
}

SinkState Sink::state() const {
  const std::uint64_t synced = around_.extent().synced;
  const std::lock_guard lock(mutex_);
  SinkState state = state_;
  state.behind_events = synced - std::min(synced, state.next_event);
  // What is in doubt comes before what is behind.
  const auto oldest = doubted_ || state.behind_events == 0 ? doubted_ : oldest_;
  if (oldest) {
    const auto age = around_.loop.clock().wall() - *oldest;
    state.behind_seconds = static_cast<std::uint64_t>(
        std::max<std::int64_t>(std::chrono::floor<std::chrono::seconds>(age).count(), 0));
  }
  return state;
}

}  // namespace claviger::sinks
