// SPDX-License-Identifier: Apache-2.0
#include "gateway/disk_queue.h"

#include <utility>

#include "base/check.h"

namespace claviger::gateway {

// --- One call ------------------------------------------------------------------------------------

// Looks once more after it has said that it waits: news from before that are not told.
bool DiskQueue::Wait::await_ready() noexcept {
  wanted_ = queue_.lane_.appended();
  queue_.lane_.hurry();
  outcome_ = caller_.is_broken() || caller_.is_cancelled() ? Outcome::kGone : queue_.outcome_of(*this);
  return outcome_ != Outcome::kNone;
}

void DiskQueue::Wait::await_suspend(std::coroutine_handle<> handle) noexcept {
  handle_ = handle;
  until_ = queue_.loop_.now() + queue_.limit_;
  interruption_.waits_in(this);
  caller_.watch_hangup(this);
  queue_.link(*this);
}

Result<void> DiskQueue::Wait::await_resume() noexcept {
  switch (outcome_) {
    case Outcome::kOnDisk:
      return ok();
    case Outcome::kFailing:
      return Error(Code::kUnavailable, Blame::kOperator, "the audit log cannot be written");
    case Outcome::kTooLate:
      return Error(Code::kUnavailable, Blame::kOperator, "the audit log takes too long to be written");
    case Outcome::kGone:
    case Outcome::kNone:
      break;
  }
  return Error(Code::kCancelled, Blame::kGateway, "nobody waits for an answer any more");
}

void DiskQueue::Wait::interrupt(Interrupted) noexcept { end(Outcome::kGone); }

// May run the call to its end, and take this object along.
void DiskQueue::Wait::end(Outcome outcome) noexcept {
  outcome_ = outcome;
  leave();
  std::exchange(handle_, nullptr).resume();
}

void DiskQueue::Wait::leave() noexcept {
  queue_.unlink(*this);
  interruption_.waits_in(nullptr);
  caller_.watch_hangup(nullptr);
}

// --- All of them ---------------------------------------------------------------------------------

void DiskQueue::link(Wait& wait) noexcept {
  wait.previous_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = &wait;
  last_ = &wait;
  if (first_ == last_) loop_.deadlines().set(*this, wait.until_);
}

void DiskQueue::unlink(Wait& wait) noexcept {
  (wait.previous_ != nullptr ? wait.previous_->next_ : first_) = wait.next_;
  (wait.next_ != nullptr ? wait.next_->previous_ : last_) = wait.previous_;
}

DiskQueue::Wait::Outcome DiskQueue::outcome_of(const Wait& wait) const noexcept {
  if (lane_.synced() >= wait.wanted_) return Wait::Outcome::kOnDisk;
  return lane_.is_failing() ? Wait::Outcome::kFailing : Wait::Outcome::kNone;
}

// Whoever is resumed may end others, or come back and wait for the next sync: it is always the first whose turn it is, and the last
// is who was the last in the beginning.
void DiskQueue::look() noexcept {
  const std::uint64_t newest = last_ != nullptr ? last_->wanted_ : 0;
  while (first_ != nullptr && first_->wanted_ <= newest) {
    const Wait::Outcome outcome = outcome_of(*first_);
    if (outcome == Wait::Outcome::kNone) return;
    first_->end(outcome);
  }
}

void DiskQueue::on_deadline() noexcept {
  while (first_ != nullptr && first_->until_ <= loop_.now()) first_->end(Wait::Outcome::kTooLate);
  if (first_ != nullptr) loop_.deadlines().set(*this, first_->until_);
}

// --- From the writer -----------------------------------------------------------------------------

void DiskNews::open(net::Loop& loop, DiskQueue& queue) noexcept {
  const std::lock_guard lock(mutex_);
  loop_ = &loop;
  queue_ = &queue;
}

void DiskNews::close() noexcept {
  const std::lock_guard lock(mutex_);
  loop_ = nullptr;
}

void DiskNews::ring() {
  const std::lock_guard lock(mutex_);
  if (loop_ == nullptr || is_rung_.exchange(true)) return;
  loop_->post([this] {
    is_rung_.store(false);  // before it looks: what comes from now on is told again
    queue_->look();
  });
}

}  // namespace claviger::gateway
