// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/upstream_pool.h"
#include "gateway/world.h"

namespace claviger::gateway {

class UpstreamPools;

// The world as one worker has adopted it, with its pools. Calls hold on to the one they began with.
class AdoptedWorld {
 public:
  const World& world() const noexcept { return *world_; }
  // The connections to one of its upstreams: made when first asked for, shared with the worlds before and after in which
  // the upstream is the same.
  // Requires: the upstream is there.
  UpstreamPool& pool(policy::UpstreamIndex index) const;
  // Those on which calls with `credential`, one of its, go there: the same, or the credential's own.
  UpstreamPool& pool(policy::UpstreamIndex index, const ReadyCredential& credential) const;

 private:
  friend class UpstreamPools;
  friend class WorldUse;
  struct Pools {
    explicit Pools(std::size_t upstreams) : shared(upstreams) {}
    std::vector<std::shared_ptr<UpstreamPool>> shared;  // by policy::UpstreamIndex; null until used
    std::unordered_map<std::string, std::shared_ptr<UpstreamPool>>
        own;  // of credentials, by ReadyCredential::pool_key
  };

  UpstreamPools* owner_ = nullptr;
  std::shared_ptr<const World> world_;
  std::shared_ptr<Pools> pools_;  // of all worlds with the same upstream table
  std::list<AdoptedWorld>::iterator self_;
  std::size_t uses_ = 0;  // not atomic: a worker's own
};

// Holds an adopted world for the length of a call.
class WorldUse {
 public:
  explicit WorldUse(UpstreamPools& pools) noexcept;
  ~WorldUse();
  WorldUse(const WorldUse&) = delete;
  WorldUse& operator=(const WorldUse&) = delete;
  const AdoptedWorld& operator*() const noexcept { return *adopted_; }
  const AdoptedWorld* operator->() const noexcept { return adopted_; }

 private:
  UpstreamPools& pools_;
  AdoptedWorld* adopted_;
};

// All pools of a worker, over changes of world: an upstream that stays the same keeps its connections.
//
// Cost of adopt(): nothing to speak of when the upstream table is the same one; else a comparison of pointers for
// each upstream, and something to do for those that differ.
// Threads: its worker's.
class UpstreamPools {
 public:
  UpstreamPools(net::Loop& loop, net::Resolver& resolver, net::BufferPool& buffers,
                telemetry::WorkerMetrics& metrics, PoolLimits limits, UpstreamBook* book = nullptr)
      : around_{loop, resolver, buffers, metrics, limits, book} {}
  UpstreamPools(const UpstreamPools&) = delete;
  UpstreamPools& operator=(const UpstreamPools&) = delete;

  // For the calls that begin from now on. What is to become of the others is for adopt(Worker&, ...) (worker.h).
  void adopt(std::shared_ptr<const World> world);
  // The one adopted last; null before the first.
  const World* current() const noexcept { return worlds_.empty() ? nullptr : worlds_.back().world_.get(); }
  // For connections from now on. More than the new limits allow are not taken away from those who use them.
  void use(PoolLimits limits) noexcept { around_.limits = limits; }
  // Closes idle connections, and from now on each after its use (drain).
  void retire_all() noexcept;
  // Worlds in memory: the current one, and those that calls still hold.
  std::size_t worlds() const noexcept { return worlds_.size(); }

 private:
  friend class AdoptedWorld;
  friend class WorldUse;
  std::shared_ptr<AdoptedWorld::Pools> take_over(const AdoptedWorld& before, const UpstreamTable& table);
  static void take_over_own(const AdoptedWorld::Pools& before, const UpstreamTable& table,
                            AdoptedWorld::Pools& next);
  std::shared_ptr<UpstreamPool> make_pool(const UpstreamRuntime& upstream, const ReadyCredential* own,
                                          const AdoptedWorld& world);

  PoolSurroundings around_;
  std::list<AdoptedWorld> worlds_;  // the last is current
  bool draining_ = false;
};

}  // namespace claviger::gateway
