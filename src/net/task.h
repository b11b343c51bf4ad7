// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "base/check.h"
#include "net/frame_pool.h"

namespace claviger::net {

template <class T>
class Task;

namespace detail {

// What all promises share: the frame comes from the worker's pool, and whoever awaits is resumed by
// symmetric transfer when the task ends.
class PromiseBase {
 public:
  static void* operator new(std::size_t size) { return FramePool::current().allocate(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    FramePool::current().release(frame, size);
  }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  auto final_suspend() const noexcept {
    struct Transfer {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept { return continuation; }
      void await_resume() const noexcept {}
      std::coroutine_handle<> continuation;
    };
    return Transfer{continuation_ ? continuation_ : std::noop_coroutine()};
  }
  // Nothing in Claviger throws across a module; what throws here is a bug.
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  void continue_with(std::coroutine_handle<> continuation) noexcept { continuation_ = continuation; }

 private:
  std::coroutine_handle<> continuation_;
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() { return *std::move(value_); }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

// A coroutine that is awaited by one other. Lazy: it starts when awaited. Destroying a Task that has
// not finished destroys its frame and, through it, whatever it awaits.
//
//   Task<Result<int>> read_number(Stream& stream);     // reference: outlives the task by construction
//   auto number = co_await read_number(stream);
//
// Parameters of coroutines are values, or references to what outlives the coroutine.
// Threads: one; a task lives and dies on its loop.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task() noexcept = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> continuation) noexcept {
    handle_.promise().continue_with(continuation);
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

  // For spawn() and Child: starts without anybody awaiting.
  std::coroutine_handle<promise_type> handle() const noexcept { return handle_; }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

// A coroutine that owns itself and is gone when it ends.
struct Detached {
  struct promise_type {
    static void* operator new(std::size_t size) { return FramePool::current().allocate(size); }
    static void operator delete(void* frame, std::size_t size) noexcept {
      FramePool::current().release(frame, size);
    }
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};
inline Detached run_detached(Task<void> task) { co_await std::move(task); }
}  // namespace detail

// Runs a task that nobody waits for, now, until it first suspends. It must end by itself: whoever spawns sees to
// it that what the task waits for is cancelled when the loop shuts down.
inline void spawn(Task<void> task) { detail::run_detached(std::move(task)); }

// A task that runs beside its parent, in the same coroutine's scope, and is joined before that scope ends:
//
//   Child upload;
//   upload.start(send_body(...));      // runs until it first suspends
//   ... co_await other things ...
//   co_await upload.join();            // Requires: what it waits for ends, or has been cancelled
class Child {
 public:
  Child() noexcept = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { CLV_CHECK(done_ || !started_); }

  void start(Task<void> task) {
    started_ = true;
    detail::run_detached(run(*this, std::move(task)));
  }
  bool is_running() const noexcept { return started_ && !done_; }

  auto join() noexcept {
    struct Join {
      bool await_ready() const noexcept { return !child.is_running(); }
      void await_suspend(std::coroutine_handle<> parent) const noexcept { child.parent_ = parent; }
      void await_resume() const noexcept {}
      Child& child;
    };
    return Join{*this};
  }

 private:
  static Task<void> run(Child& child, Task<void> task) {
    co_await std::move(task);
    child.done_ = true;
    if (child.parent_) std::exchange(child.parent_, nullptr).resume();
  }

  bool started_ = false;
  bool done_ = false;
  std::coroutine_handle<> parent_;
};

}  // namespace claviger::net
