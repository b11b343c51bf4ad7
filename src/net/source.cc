// SPDX-License-Identifier: Apache-2.0
#include "net/source.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace claviger::net {

Result<std::unique_ptr<Source>> Source::create(Loop& loop, int fd) {
  std::unique_ptr<Source> source(new Source(loop, fd));
  CLV_TRY_VOID(loop.add(fd, Trigger::kEdge, *source));
  return source;
}

Source::~Source() {
  if (fd_ >= 0) ::close(fd_);
}

bool Source::has_unread() const noexcept {
  char byte = 0;
  return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void Source::retire(std::unique_ptr<Source> source) noexcept {
  if (!source) return;
  Loop& loop = source->loop_;
  // Which takes it out of the epoll, too: the descriptor is never duplicated, so that this is its socket's end.
  ::close(std::exchange(source->fd_, -1));
  loop.deadlines().clear(*source);
  source->reader_ = source->writer_ = {};
  source->watcher_ = nullptr;
  loop.bury(std::move(source));
}

void Source::forget(Waiter& waiter) noexcept {
  if (reader_.waiter == &waiter) reader_ = {};
  if (writer_.waiter == &waiter) writer_ = {};
}

// By the first that somebody waits for. Where nobody does, what the wheel has may stay: nobody is woken by it.
void Source::rearm() noexcept {
  Monotonic first = Deadline::kNever;
  if (reader_.waiter != nullptr) first = read_deadline_;
  if (writer_.waiter != nullptr) first = std::min(first, write_deadline_);
  if (first != Deadline::at() && (reader_.waiter != nullptr || writer_.waiter != nullptr))
    loop_.deadlines().set(*this, first);
}

void Source::wait_as_reader(Waiter& waiter, Direction direction) noexcept {
  reader_ = {&waiter, direction};
  rearm();
}

void Source::wait_as_writer(Waiter& waiter, Direction direction) noexcept {
  writer_ = {&waiter, direction};
  rearm();
}

void Source::wake(Waiting& waiting, Wakeup why) noexcept {
  if (waiting.waiter != nullptr) std::exchange(waiting.waiter, nullptr)->on_wakeup(why);
}

// Each wake-up may run far enough to retire this source; it stays in memory to the end of the batch,
// with nobody left to wake.
void Source::on_events(Events events) noexcept {
  if (fd_ < 0) return;
  readable_ |= events.readable;
  writable_ |= events.writable;
  half_closed_ |= events.half_closed;
  broken_ |= events.broken;
  if (reader_.wants(events)) wake(reader_, Wakeup::kReady);
  if (writer_.wants(events)) wake(writer_, Wakeup::kReady);
  if (broken_ && watcher_ != nullptr) std::exchange(watcher_, nullptr)->on_hangup();
}

void Source::on_deadline() noexcept {
  // Both directions at once would need this object to survive the first; retire() sees to that only
  // within a batch, and the sweep is part of one.
  const Monotonic now = loop_.now();
  if (read_deadline_ <= now) wake(reader_, Wakeup::kTimeout);
  if (write_deadline_ <= now) wake(writer_, Wakeup::kTimeout);
  rearm();
}

void Source::cancel() noexcept {
  cancelled_ = true;
  wake(reader_, Wakeup::kCancelled);
  wake(writer_, Wakeup::kCancelled);
}

}  // namespace claviger::net
