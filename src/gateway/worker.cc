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

namespace {

// By whatever is the newest by then.
void judge_some(Worker& worker) noexcept {
  const World* world = worker.pools.current();
  if (world == nullptr || worker.settings.tls == nullptr) return;
  if (worker.active_calls.judge_some(*worker.settings.tls, *world, worker.loop.wall_now()))
    worker.loop.post([&worker] { judge_some(worker); });
}

}  // namespace

void use(Worker& worker, Settings settings) noexcept {
  worker.settings = std::move(settings);
  worker.active_calls.begin_judging();
  judge_some(worker);
}

namespace {

void report(Worker& worker, Refusals& refusals) noexcept {
  if (refusals.counted() > 0) worker.lane->append(refusals.take_event(worker.loop.clock().wall()).text());
}

}  // namespace

void report_refusals(Worker& worker) noexcept {
  if (worker.lane == nullptr) return;
  for (Refusals* const each : {&worker.refusals, &worker.principal_refusals})
    if (each->is_due(worker.loop.now()) && worker.lane->has_room(worker.loop.now())) report(worker, *each);
}

void report_all_refusals(Worker& worker) noexcept {
  if (worker.lane == nullptr) return;
  report(worker, worker.refusals);
  report(worker, worker.principal_refusals);
}

void end_expired(Worker& worker) noexcept {
  if (const World* world = worker.pools.current(); world != nullptr)
    worker.active_calls.end_expired(*world, worker.loop.wall_now());
}

}  // namespace claviger::gateway
