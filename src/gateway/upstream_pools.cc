// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_pools.h"

#include <string_view>
#include <unordered_map>
#include <utility>

namespace claviger::gateway {

using telemetry::Counter;
using telemetry::Gauge;

// --- One world -----------------------------------------------------------------------------------

UpstreamPool& AdoptedWorld::pool(policy::UpstreamIndex index) const {
  std::shared_ptr<UpstreamPool>& pool = pools_->shared[index];
  if (!pool) pool = owner_->make_pool(*(*world_->upstreams)[index], nullptr, *this);
  return *pool;
}

UpstreamPool& AdoptedWorld::pool(policy::UpstreamIndex index, const ReadyCredential& credential) const {
  if (!credential.endpoints) return pool(index);
  std::shared_ptr<UpstreamPool>& pool = pools_->own[credential.pool_key];
  if (!pool) pool = owner_->make_pool(*(*world_->upstreams)[index], &credential, *this);
  return *pool;
}

WorldUse::WorldUse(UpstreamPools& pools) noexcept : pools_(pools), adopted_(&pools.worlds_.back()) {
  ++adopted_->uses_;
}

WorldUse::~WorldUse() {
  if (--adopted_->uses_ == 0 && adopted_ != &pools_.worlds_.back()) pools_.worlds_.erase(adopted_->self_);
}

// --- All of them ---------------------------------------------------------------------------------

void UpstreamPools::adopt(std::shared_ptr<const World> world) {
  AdoptedWorld* before = worlds_.empty() ? nullptr : &worlds_.back();
  AdoptedWorld next;
  next.owner_ = this;
  if (before == nullptr) next.pools_ = std::make_shared<AdoptedWorld::Pools>(world->upstreams->size());
  else if (before->world_->upstreams == world->upstreams) next.pools_ = before->pools_;
  else next.pools_ = take_over(*before, *world->upstreams);
  next.world_ = std::move(world);
  around_.metrics.set(Gauge::kSnapshotRevision, static_cast<std::int64_t>(next.world_->policy->revision()));
  around_.metrics.add(Counter::kSnapshotsAdopted);
  worlds_.push_back(std::move(next));
  worlds_.back().self_ = std::prev(worlds_.end());
  if (before != nullptr && before->uses_ == 0) worlds_.erase(before->self_);
}

// The pools for another table: of an upstream that is the same, or only differs in what its connections do not depend
// on, those that there are. The others are retired, and go with the last call that holds a world they are in.
std::shared_ptr<AdoptedWorld::Pools> UpstreamPools::take_over(const AdoptedWorld& before,
                                                              const UpstreamTable& table) {
  const UpstreamTable& old = *before.world_->upstreams;
  const auto& pools = before.pools_->shared;
  auto next = std::make_shared<AdoptedWorld::Pools>(table.size());
  std::unordered_map<std::string_view, std::size_t>
      left;  // pools whose upstream is not at its place any more
  for (std::size_t i = 0; i < pools.size(); ++i) {
    if (!pools[i]) continue;
    if (i < table.size() && (table[i] == old[i] || (table[i] && table[i]->pool_key == pools[i]->key())))
      next->shared[i] = pools[i];
    else left.emplace(pools[i]->key(), i);
  }
  for (std::size_t i = 0; i < table.size() && !left.empty(); ++i) {
    if (!table[i] || (i < old.size() && table[i] == old[i])) continue;
    const auto moved = left.find(table[i]->pool_key);
    if (moved == left.end()) continue;
    next->shared[i] = pools[moved->second];
    left.erase(moved);
  }
  for (const auto& [key, i] : left) pools[i]->retire();
  take_over_own(*before.pools_, table, *next);
  return next;
}

// The same for those of credentials: one that is revoked, or has another version, is shown to nobody any more.
void UpstreamPools::take_over_own(const AdoptedWorld::Pools& before, const UpstreamTable& table,
                                  AdoptedWorld::Pools& next) {
  if (before.own.empty()) return;
  for (const auto& upstream : table) {
    if (!upstream) continue;
    for (const ReadyCredential& credential : upstream->credentials) {
      if (!credential.endpoints) continue;
      const auto found = before.own.find(credential.pool_key);
      if (found != before.own.end()) next.own.insert(*found);
    }
  }
  for (const auto& [key, pool] : before.own)
    if (!next.own.contains(key)) pool->retire();
}

std::shared_ptr<UpstreamPool> UpstreamPools::make_pool(const UpstreamRuntime& upstream,
                                                       const ReadyCredential* own,
                                                       const AdoptedWorld& world) {
  auto pool = std::make_shared<UpstreamPool>(around_, upstream, own);
  if (draining_ || &world != &worlds_.back()) pool->retire();  // nobody comes to use a connection again
  return pool;
}

void UpstreamPools::retire_all() noexcept {
  draining_ = true;
  if (worlds_.empty()) return;
  for (const auto& pool : worlds_.back().pools_->shared)
    if (pool) pool->retire();
  for (const auto& [key, pool] : worlds_.back().pools_->own) pool->retire();
}

}  // namespace claviger::gateway
