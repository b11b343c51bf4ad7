// SPDX-License-Identifier: Apache-2.0
#include "gateway/worker.h"

#include <utility>

namespace claviger::gateway {

void adopt(Worker& worker, std::shared_ptr<const World> world) {
  const World* before = worker.pools.current();
  const bool is_same =
      before != nullptr && before->policy == world->policy && before->upstreams == world->upstreams;
  worker.pools.adopt(world);
  if (!is_same) worker.active_calls.recheck(*world, worker.loop.wall_now());
}

void end_expired(Worker& worker) noexcept {
  if (const World* world = worker.pools.current(); world != nullptr)
    worker.active_calls.end_expired(*world, worker.loop.wall_now());
}

}  // namespace claviger::gateway
