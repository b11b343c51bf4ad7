// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <coroutine>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "net/loop.h"

namespace claviger::net {

// A thread for work that may block (disk, database), done in the order it was handed over.
//
//   auto found = co_await store_thread.run([&] { return store.find("grant", name); });
//
// Owns: its thread, and the work that waits for it. The destructor does what is queued (what was handed over is
// done, come what may), and joins; whoever awaits some of it is resumed at the loop's next turn.
// Threads: run() on the loop's, which outlives this; what is awaited is resumed there. push() from any. Work
// runs on the thread, and is destroyed there as soon as it is done (that of run(): with its coroutine). What it
// refers to outlives it: the coroutine that awaits does, since a task in wait is resumed, never destroyed.
class BackgroundThread {
 public:
  // `name`: at most 15 characters.
  BackgroundThread(Loop& loop, const char* name);
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  // Gives what `work` returns, moved.
  template <class Work>
  auto run(Work work) {
    using Value = std::invoke_result_t<Work&>;
    struct Awaiter {
      BackgroundThread& thread;
      Work work;
      std::optional<std::conditional_t<std::is_void_v<Value>, std::monostate, Value>> value{};
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> handle) {
        thread.push([this, handle] {
          if constexpr (std::is_void_v<Value>) work();
          else value.emplace(work());
          thread.loop_.post(
              [handle] { handle.resume(); });  // the last look at this, which lies in the coroutine
        });
      }
      Value await_resume() {
        if constexpr (!std::is_void_v<Value>) return *std::move(value);
      }
    };
    return Awaiter{*this, std::move(work)};
  }
  // Without anybody waiting.
  void push(std::function<void()> work);

 private:
  void serve();
  Loop& loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace claviger::net
