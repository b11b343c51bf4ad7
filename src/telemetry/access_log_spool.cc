// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_log_spool.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace claviger::telemetry {

AccessLogLane::AccessLogLane() : buffers_(std::make_unique_for_overwrite<AccessLogBuffer[]>(kBuffers)) {
  for (std::uint32_t i = 0; i < kBuffers; ++i) {
    buffers_[i].lane = this;
    buffers_[i].next = std::exchange(free_, &buffers_[i]);
  }
}

Result<AccessLogSpool::Target> AccessLogSpool::inspect(int fd) {
  struct stat about{};
  if (::fstat(fd, &about) != 0) return Error::from_errno(Code::kIo, Blame::kOperator, "access log", errno);
  return Target{fd, S_ISREG(about.st_mode)};
}

Result<AccessLogSpool::Target> AccessLogSpool::open_file(const std::string& path) {
  // O_NONBLOCK: a FIFO that nobody reads is refused rather than waited for.
  const int fd =
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
  if (fd < 0) return Error::from_errno(Code::kIo, Blame::kOperator, "access log " + path, errno);
  auto target = inspect(fd);
  if (!target) ::close(fd);
  return target;
}

Result<std::shared_ptr<AccessLogSpool>> AccessLogSpool::open(std::string_view target) {
  constexpr std::string_view kFile = "file:";
  std::string path;
  Target opened;
  if (target == "stdout") {
    opened = CLV_TRY(inspect(STDOUT_FILENO));
  } else if (target == "stderr") {
    opened = CLV_TRY(inspect(STDERR_FILENO));
  } else if (target.starts_with(kFile) && target.size() > kFile.size()) {
    path = target.substr(kFile.size());
    opened = CLV_TRY(open_file(path));
  } else {
    return Error(Code::kInvalid, Blame::kOperator, "access log must be stdout, stderr, off or file:PATH");
  }
  return std::shared_ptr<AccessLogSpool>(new AccessLogSpool(std::move(path), opened));
}

AccessLogSpool::~AccessLogSpool() {
  close_own(target_);
  close_own(replacement_);
}

void AccessLogSpool::close_own(Target target) noexcept {
  if (!path_.empty() && target.fd >= 0) ::close(target.fd);
}

AccessLogLane& AccessLogSpool::attach() {
  auto lane = std::make_unique<AccessLogLane>();
  const std::lock_guard lock(mutex_);
  std::erase_if(lanes_, [](const auto& old) {
    return old->is_detached_ && old->free_buffers() == AccessLogLane::kBuffers;
  });
  return *lanes_.emplace_back(std::move(lane));
}

void AccessLogSpool::detach(AccessLogLane& lane) noexcept {
  const std::lock_guard lock(mutex_);
  lane.is_detached_ = true;
}

AccessLogBuffer* AccessLogSpool::take(AccessLogLane& lane) noexcept {
  if (lane.free_buffers() == 0) return nullptr;
  const std::lock_guard lock(mutex_);
  AccessLogBuffer* const buffer = lane.free_;
  CLV_CHECK(buffer != nullptr);
  lane.free_ = buffer->next;
  lane.free_count_.fetch_sub(1, std::memory_order_relaxed);
  buffer->next = nullptr;
  buffer->size = 0;
  return buffer;
}

void AccessLogSpool::give_back(AccessLogBuffer& buffer) noexcept {
  const std::lock_guard lock(mutex_);
  buffer.next = std::exchange(buffer.lane->free_, &buffer);
  buffer.lane->free_count_.fetch_add(1, std::memory_order_relaxed);
}

void AccessLogSpool::hand_over(AccessLogBuffer& buffer) noexcept {
  {
    const std::lock_guard lock(mutex_);
    AccessLogBuffer*& end = first_ == nullptr ? first_ : last_->next;
    end = last_ = &buffer;
  }
  work_.notify_one();
}

Result<void> AccessLogSpool::reopen() {
  if (path_.empty()) return ok();
  Target fresh = CLV_TRY(open_file(path_));
  {
    const std::lock_guard lock(mutex_);
    std::swap(fresh, replacement_);
  }
  work_.notify_one();
  close_own(fresh);  // one that the writer did not get to
  return ok();
}

void AccessLogSpool::run() noexcept {
  while (AccessLogBuffer* buffer = next_batch()) {
    while (buffer != nullptr) {
      AccessLogBuffer* const next = buffer->next;
      write_or_drop(*buffer);
      give_back(*buffer);
      buffer = next;
    }
  }
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  end_.notify_all();
}

// All that is queued, waiting for some; nullptr when stopped and nothing is left.
AccessLogBuffer* AccessLogSpool::next_batch() noexcept {
  Target old;
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return first_ != nullptr || replacement_.fd >= 0 || is_stopping_.load(); });
    if (replacement_.fd < 0) break;
    old = std::exchange(target_, std::exchange(replacement_, {}));
    is_torn_ = false;
    lock.unlock();
    close_own(old);
    lock.lock();
  }
  last_ = nullptr;
  return std::exchange(first_, nullptr);
}

void AccessLogSpool::write_or_drop(AccessLogBuffer& buffer) noexcept {
  std::string_view text(buffer.data.data(), buffer.size);
  if (is_torn_ && write_out("\n") == 1) is_torn_ = false;
  const std::size_t written = is_torn_ ? 0 : write_out(text);
  if (written == text.size()) return;
  if (written > 0) is_torn_ = text[written - 1] != '\n';
  text.remove_prefix(written);
  const auto lost = static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  buffer.lane->dropped_.fetch_add(lost, std::memory_order_relaxed);
}

// How much was taken before it failed or got too late.
std::size_t AccessLogSpool::write_out(std::string_view text) noexcept {
  // Standard output is shared with others, so it cannot be made non-blocking. But a pipe that poll()
  // calls writable takes PIPE_BUF bytes at once, as a whole; and lines that fit stay whole among those of
  // other writers.
  bool must_wait = !target_.is_regular;
  std::size_t done = 0;
  while (done < text.size()) {
    if (is_late() || (must_wait && !await_room())) break;
    std::string_view piece = text.substr(done);
    if (!target_.is_regular && piece.size() > PIPE_BUF) {
      piece = piece.substr(0, PIPE_BUF);
      if (const auto line = piece.rfind('\n'); line != std::string_view::npos)
        piece = piece.substr(0, line + 1);
    }
    const ssize_t written = ::write(target_.fd, piece.data(), piece.size());
    if (written > 0) done += static_cast<std::size_t>(written);
    else if (written < 0 && errno == EAGAIN) must_wait = true;
    else if (written == 0 || errno != EINTR) break;
  }
  return done;
}

// Until the target takes something, or has an error to report. False when it got too late.
bool AccessLogSpool::await_room() noexcept {
  constexpr int kLookUpMs = 50;  // whether to stop
  while (!is_late()) {
    pollfd poller{target_.fd, POLLOUT, 0};
    const int ready = ::poll(&poller, 1, kLookUpMs);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
  return false;
}

bool AccessLogSpool::is_late() const noexcept {
  return is_stopping_.load(std::memory_order_acquire) && std::chrono::steady_clock::now() >= deadline_;
}

void AccessLogSpool::stop(Monotonic deadline) noexcept {
  {
    const std::lock_guard lock(mutex_);
    deadline_ = deadline;
    is_stopping_.store(true, std::memory_order_release);
  }
  work_.notify_one();
}

bool AccessLogSpool::wait_for_end(Monotonic deadline) noexcept {
  std::unique_lock lock(mutex_);
  return end_.wait_until(lock, deadline, [&] { return has_ended_; });
}

}  // namespace claviger::telemetry
