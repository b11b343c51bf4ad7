// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>

#include "net/task.h"

namespace claviger::doors::externaldns {

// Does jobs 0 to `jobs` - 1, at most `parallel` of them at a time, each begun in its turn. Not to be destroyed before it ends.
inline net::Task<void> in_parallel(std::size_t jobs, std::size_t parallel,
                                   std::function<net::Task<void>(std::size_t)> job) {
  std::size_t next = 0;
  const auto work = [](std::size_t& from, std::size_t to,
                       const std::function<net::Task<void>(std::size_t)>& each) -> net::Task<void> {
    while (from < to) co_await each(from++);
  };
  std::deque<net::Child> workers;
  for (std::size_t i = 0; i < std::max<std::size_t>(parallel, 1) && i < jobs; ++i)
    workers.emplace_back().start(work(next, jobs, job));
  for (net::Child& worker : workers) co_await worker.join();
}

}  // namespace claviger::doors::externaldns
