// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace claviger::telemetry {

class AccessLogLane;

struct AccessLogBuffer {
  static constexpr std::size_t kCapacity = std::size_t{64} << 10;

  AccessLogLane* lane;
  AccessLogBuffer* next;  // in the list it is in
  std::size_t size;
  std::array<char, kCapacity> data;
};

// The buffers of one worker: in its hands, queued, or free.
class AccessLogLane {
 public:
  static constexpr std::uint32_t kBuffers = 8;

  AccessLogLane();

  std::uint32_t free_buffers() const noexcept { return free_count_.load(std::memory_order_relaxed); }
  // Lines that the writer had to drop since the last call.
  std::uint64_t take_dropped() noexcept {
    return dropped_.load(std::memory_order_relaxed) == 0 ? 0
                                                         : dropped_.exchange(0, std::memory_order_relaxed);
  }

 private:
  friend class AccessLogSpool;

  std::unique_ptr<AccessLogBuffer[]> buffers_;
  AccessLogBuffer* free_ = nullptr;  // guarded by the spool's mutex; the last returned first, being warm
  bool is_detached_ = false;         // likewise
  std::atomic<std::uint32_t> free_count_{kBuffers};
  std::atomic<std::uint64_t> dropped_{0};
};

// Where an access log goes, and the queue of filled buffers before it.
//
// Owns: the lanes, and the descriptor if it opened it.
// Threads: run() is the writer's; the rest any. The lock is held for moments, never across a system call
// that could block.
class AccessLogSpool {
 public:
  // "stdout", "stderr" or "file:PATH".
  static Result<std::shared_ptr<AccessLogSpool>> open(std::string_view target);
  ~AccessLogSpool();
  AccessLogSpool(const AccessLogSpool&) = delete;
  AccessLogSpool& operator=(const AccessLogSpool&) = delete;

  AccessLogLane& attach();
  void detach(AccessLogLane& lane) noexcept;

  // A free buffer, empty; nullptr when there is none. Locks only when there seems to be one.
  AccessLogBuffer* take(AccessLogLane& lane) noexcept;
  void hand_over(AccessLogBuffer& buffer) noexcept;

  Result<void> reopen();

  // Writes until stopped, and then what is left until the deadline.
  void run() noexcept;
  void stop(Monotonic deadline) noexcept;
  // Whether run() returned, waiting for it until `deadline`.
  bool wait_for_end(Monotonic deadline) noexcept;

 private:
  struct Target {
    int fd = -1;
    bool is_regular = false;
  };

  AccessLogSpool(std::string path, Target target) : path_(std::move(path)), target_(target) {}
  static Result<Target> open_file(const std::string& path);
  static Result<Target> inspect(int fd);

  AccessLogBuffer* next_batch() noexcept;
  void give_back(AccessLogBuffer& buffer) noexcept;
  void write_or_drop(AccessLogBuffer& buffer) noexcept;
  std::size_t write_out(std::string_view text) noexcept;
  bool await_room() noexcept;
  bool is_late() const noexcept;
  void close_own(Target target) noexcept;

  const std::string path_;  // empty for descriptors that are not ours

  // The writer's.
  Target target_;
  bool is_torn_ = false;  // the last thing written is the beginning of a line

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable end_;
  std::vector<std::unique_ptr<AccessLogLane>> lanes_;
  AccessLogBuffer* first_ = nullptr;
  AccessLogBuffer* last_ = nullptr;
  Target replacement_;
  bool has_ended_ = false;
  Monotonic deadline_{};                  // written once, before is_stopping_
  std::atomic<bool> is_stopping_{false};  // read by the writer without the lock while it waits for room
};

}  // namespace claviger::telemetry
