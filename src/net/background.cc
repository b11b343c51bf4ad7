// SPDX-License-Identifier: Apache-2.0
#include "net/background.h"

#include <pthread.h>
#include <signal.h>

namespace claviger::net {

BackgroundThread::BackgroundThread(Loop& loop, const char* name)
    : loop_(loop), thread_([this, name] {
        pthread_setname_np(pthread_self(), name);
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        serve();
      }) {}

BackgroundThread::~BackgroundThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void BackgroundThread::push(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void BackgroundThread::serve() {
  std::vector<std::function<void()>> batch;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      batch.swap(queue_);
    }
    for (auto& work : batch) std::exchange(work, nullptr)();
    batch.clear();
  }
}

}  // namespace claviger::net
