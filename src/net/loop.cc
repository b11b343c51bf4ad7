// SPDX-License-Identifier: Apache-2.0
#include "net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace claviger::net {
namespace {

constexpr int kBatch = 256;
constexpr auto kLagWindow = std::chrono::seconds(10);

std::uint32_t interest(Trigger trigger) noexcept {
  if (trigger == Trigger::kLevel) return EPOLLIN;
  return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
}

Events translate(std::uint32_t bits) noexcept {
  Events events;
  // RDHUP is a half-close, not a disconnect: the peer may well wait for its answer. HUP or ERR is one.
  events.broken = (bits & (EPOLLHUP | EPOLLERR)) != 0;
  events.half_closed = (bits & EPOLLRDHUP) != 0;
  events.readable = (bits & EPOLLIN) != 0 || events.half_closed || events.broken;
  events.writable = (bits & EPOLLOUT) != 0 || events.broken;
  return events;
}

}  // namespace

// An eventfd that other threads ring.
class Loop::Wake final : public EventHandler {
 public:
  explicit Wake(int fd) noexcept : fd_(fd) {}
  ~Wake() override { ::close(fd_); }
  void on_events(Events) noexcept override {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
  }
  void ring() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = ::write(fd_, &one, sizeof one);
  }
  int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

Loop::Loop(const Clock& clock, int epoll_fd) noexcept
    : clock_(clock), epoll_fd_(epoll_fd), now_(clock.monotonic()), wall_now_(clock.wall()), wheel_(now_) {}

Result<std::unique_ptr<Loop>> Loop::create(const Clock& clock) {
  const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return Error::from_errno(Code::kIo, Blame::kOperator, "creating an event loop", errno);
  std::unique_ptr<Loop> loop(new Loop(clock, epoll_fd));
  const int wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) return Error::from_errno(Code::kIo, Blame::kOperator, "creating an event loop", errno);
  loop->wake_ = std::make_unique<Wake>(wake_fd);
  CLV_TRY_VOID(loop->add(wake_fd, Trigger::kLevel, *loop->wake_));
  return loop;
}

Loop::~Loop() {
  buried_.clear();
  ::close(epoll_fd_);
}

Result<void> Loop::add(int fd, Trigger trigger, EventHandler& handler) {
  epoll_event event{.events = interest(trigger), .data = {.ptr = &handler}};
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) < 0)
    return Error::from_errno(Code::kUnavailable, Blame::kGateway, "watching a descriptor", errno);
  return ok();
}

Result<void> Loop::watch(int fd, bool readable, bool writable, bool is_new, EventHandler& handler) {
  epoll_event event{.events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U),
                    .data = {.ptr = &handler}};
  if (::epoll_ctl(epoll_fd_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0)
    return Error::from_errno(Code::kUnavailable, Blame::kGateway, "watching a descriptor", errno);
  return ok();
}

void Loop::remove(int fd) noexcept { ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr); }

void Loop::bury(std::unique_ptr<EventHandler> handler) { buried_.push_back(std::move(handler)); }

void Loop::stop() noexcept {
  stopping_.store(true, std::memory_order_release);
  wake_->ring();
}

void Loop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(work));
  }
  wake_->ring();
}

void Loop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (const auto& each : work) each();
}

void Loop::run_deferred() noexcept {
  if (deferred_.empty()) return;
  Deferred* const work = deferred_.back();
  deferred_.pop_back();
  work->on_turn();
}

int Loop::wait_limit_ms(std::chrono::milliseconds limit) const noexcept {
  if (!ready_.empty() || !deferred_.empty()) return 0;
  if (wheel_.is_empty()) return limit.count() < 0 ? -1 : static_cast<int>(limit.count());
  const auto tick = std::chrono::ceil<std::chrono::milliseconds>(wheel_.next_tick() - now_);
  const auto wait = limit.count() < 0 ? tick : std::min(tick, limit);
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
}

void Loop::turn(std::chrono::milliseconds limit) {
  FramePool* before = frames_.make_current();
  std::array<epoll_event, kBatch> events;
  const int count = ::epoll_wait(epoll_fd_, events.data(), kBatch, wait_limit_ms(limit));
  CLV_CHECK(count >= 0 || errno == EINTR);
  now_ = clock_.monotonic();
  wall_now_ = clock_.wall();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    static_cast<EventHandler*>(event.data.ptr)->on_events(translate(event.events));
  }
  run_posted();
  wheel_.sweep(now_);
  resuming_.swap(ready_);
  for (const std::coroutine_handle<> handle : resuming_) handle.resume();
  resuming_.clear();
  run_deferred();
  buried_.clear();
  count_turn();
  if (before != nullptr) before->make_current();
}

// How long others had to wait at the most, for a while; then forgotten.
void Loop::count_turn() noexcept {
  const std::chrono::nanoseconds took = clock_.monotonic() - now_;
  metrics_->add(telemetry::Counter::kLoopTurns);
  metrics_->add(telemetry::Counter::kLoopBusyNanoseconds, static_cast<std::uint64_t>(took.count()));
  const bool over = now_ - lag_since_ >= kLagWindow;
  if (took <= lag_ && !over) return;
  if (over) {
    lag_before_ = std::exchange(lag_, std::chrono::nanoseconds(0));
    lag_since_ = now_;
  }
  lag_ = std::max(lag_, took);
  metrics_->set(telemetry::Gauge::kLoopLagNanoseconds, std::max(lag_, lag_before_).count());
}

void Loop::run() {
  while (!stopping_.load(std::memory_order_acquire)) turn(std::chrono::milliseconds(-1));
  stopping_.store(false, std::memory_order_release);
}

void Timer::start(std::chrono::milliseconds after, std::function<void()> then) {
  then_ = std::move(then);
  loop_.deadlines().set(*this, loop_.now() + after);
}

void Timer::on_deadline() noexcept {
  // Taken out first: it may start this timer again, or destroy it.
  const std::function<void()> then = std::move(then_);
  then();
}

}  // namespace claviger::net
