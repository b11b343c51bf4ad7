// SPDX-License-Identifier: Apache-2.0
#include "net/deadline_wheel.h"

#include <algorithm>

namespace claviger::net {

Deadline::~Deadline() {
  if (wheel_ != nullptr) wheel_->unlink(*this);
}

DeadlineWheel::DeadlineWheel(Monotonic now) noexcept : swept_(now.time_since_epoch() / kTick) {
  for (Anchor& anchor : buckets_) anchor.previous_ = anchor.next_ = &anchor;
}

DeadlineWheel::~DeadlineWheel() {
  for (Anchor& anchor : buckets_) {
    while (anchor.next_ != &anchor) unlink(*anchor.next_);
  }
}

std::int64_t DeadlineWheel::tick_after(Monotonic at) noexcept { return at.time_since_epoch() / kTick + 1; }

void DeadlineWheel::set(Deadline& deadline, Monotonic at) noexcept {
  deadline.at_ = at;
  if (at == Deadline::kNever) {
    // Left in its bucket, whose sweep drops it: cheaper than unlinking for what is set again at once.
    return;
  }
  const std::int64_t due = tick_after(at);
  if (deadline.wheel_ != nullptr) {
    if (deadline.tick_ <= due) return;
    unlink(deadline);
  }
  link(deadline, due);
}

void DeadlineWheel::clear(Deadline& deadline) noexcept {
  deadline.at_ = Deadline::kNever;
  if (deadline.wheel_ != nullptr) unlink(deadline);
}

void DeadlineWheel::link(Deadline& deadline, std::int64_t tick) noexcept {
  // What lies further away than the wheel reaches waits in its last bucket, and is passed on from there.
  const std::int64_t reach = swept_ + static_cast<std::int64_t>(kBuckets) - 1;
  tick = std::clamp(tick, swept_ + 1, reach);
  Anchor& anchor = buckets_[static_cast<std::size_t>(tick) % kBuckets];
  deadline.tick_ = tick;
  deadline.wheel_ = this;
  deadline.next_ = &anchor;
  deadline.previous_ = anchor.previous_;
  anchor.previous_->next_ = &deadline;
  anchor.previous_ = &deadline;
  ++linked_;
}

void DeadlineWheel::unlink(Deadline& deadline) noexcept {
  // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is linked has both neighbours, anchors among them
  deadline.previous_->next_ = deadline.next_;
  deadline.next_->previous_ = deadline.previous_;
  deadline.previous_ = deadline.next_ = nullptr;
  deadline.wheel_ = nullptr;
  --linked_;
}

void DeadlineWheel::sweep(Monotonic now) noexcept {
  const std::int64_t until = now.time_since_epoch() / kTick;
  // After a long sleep of the machine every bucket is due once, none twice.
  if (until - swept_ > static_cast<std::int64_t>(kBuckets))
    swept_ = until - static_cast<std::int64_t>(kBuckets);
  while (swept_ < until) {
    ++swept_;
    sweep_bucket(swept_, now);
  }
}

void DeadlineWheel::sweep_bucket(std::int64_t tick, Monotonic now) noexcept {
  Anchor& anchor = buckets_[static_cast<std::size_t>(tick) % kBuckets];
  // Onto a list of its own: a deadline that is due may set or destroy others, itself included.
  Anchor due;
  due.previous_ = due.next_ = &due;
  if (anchor.next_ != &anchor) {
    due.next_ = anchor.next_;
    due.previous_ = anchor.previous_;
    due.next_->previous_ = &due;
    due.previous_->next_ = &due;
    anchor.previous_ = anchor.next_ = &anchor;
  }
  while (due.next_ != &due) {
    Deadline& deadline = *due.next_;
    unlink(deadline);
    if (deadline.at_ == Deadline::kNever) continue;
    if (deadline.at_ > now) {
      link(deadline, tick_after(deadline.at_));
      continue;
    }
    deadline.at_ = Deadline::kNever;
    deadline.on_deadline();
  }
}

}  // namespace claviger::net
