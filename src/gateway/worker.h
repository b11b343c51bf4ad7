// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "audit/lane.h"
#include "crypto/hash.h"
#include "gateway/active_calls.h"
#include "gateway/disk_queue.h"
#include "gateway/failure_log.h"
#include "gateway/refusals.h"
#include "gateway/request_ids.h"
#include "gateway/secret_scratch.h"
#include "gateway/shown_target.h"
#include "gateway/token_wait.h"
#include "gateway/upstream_pools.h"
#include "gateway/world.h"
#include "http/server_connection.h"
#include "net/buffer.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "policy/lease_wait.h"
#include "policy/quota.h"
#include "policy/rate.h"
#include "telemetry/access_log.h"
#include "telemetry/metrics.h"

namespace claviger::gateway {

// What a reload may change while a worker runs. A worker has a copy of its own, and is handed another on its own thread.
struct Settings {
  std::shared_ptr<const net::ServerTls> tls;  // that asks callers for certificates, or for none; null: plain
  policy::Rate unauthenticated{6000,
                               std::chrono::seconds(60)};  // refusals for bad credentials, for each address
  bool begins_traces = false;  // for calls that come without one
};

// What all workers share, read-only or atomic.
struct Shared {
  policy::LimitCells& cells;  // of grants
  policy::LimitCells& address_cells;  // of addresses: strangers must not crowd out grants
  policy::LimitCells& refusal_cells;  // of principals' refused calls that have an event each
  const policy::LimitKeys& limit_keys;
  http::HeadLimits answer_head;  // of upstreams
  std::chrono::milliseconds lane_timeout{
      std::chrono::seconds(5)};  // for which a request waits for the audit log
  policy::QuotaCells* quota_cells =
      nullptr;  // null: nothing counts quotas, and grants that have one are of no use
  const policy::LeaseCounter* leases = nullptr;
  const std::atomic<bool>* overloaded = nullptr;  // calls are shed while it is set; null: never
  UpstreamBook* upstream_book = nullptr;  // null: nobody wants to know
  const TokenLine* tokens =
      nullptr;  // null: no tokens are fetched, and credentials that need them are of no use
};

// What one worker has of its own: nothing in here is touched by another thread while it runs.
struct Worker {
  net::Loop& loop;
  net::Resolver& resolver;
  net::BufferPool& buffers;
  telemetry::WorkerMetrics& metrics;
  telemetry::AccessLog& access_log;
  audit::Lane* lane;  // of the audit log; null: there is none
  FailureLog failures;
  vault::Opener opener;
  crypto::Sha256 sha256;
  RequestIds request_ids;
  SecretScratchPool scratch;
  UpstreamPools pools;
  const Shared& shared;
  ActiveCalls active_calls;
  std::size_t turn = 0;  // of credentials in a pool
  Settings settings;
  ShownTarget shown{};
  Refusals refusals{"calls.refused"};  // of callers whom nobody knows
  Refusals principal_refusals{"calls.refused", Refusals::Of::kPrincipals};
  DiskQueue* disk_queue = nullptr;  // where calls wait until their beginning is on disk; null: they do not
  std::size_t number = 0;  // of all workers, from 0
  std::size_t held_bodies = 0;  // bytes of bodies that are held (body_copy.h)
};

// Decides every request from now on by `world`, and ends the calls in flight that it does not allow any more.
void adopt(Worker& worker, std::shared_ptr<const World> world);
// Decides every request from now on by `settings`. Calls in flight that would not get through by them are ended, a few in each turn
// of the loop, since their certificates are verified again. Requires: `worker` outlives what its loop runs.
void use(Worker& worker, Settings settings) noexcept;
// Tells the audit log of refusals that were only counted so far: those that are due, and all of them at the end. The former is to be
// called once a second.
void report_refusals(Worker& worker) noexcept;
void report_all_refusals(Worker& worker) noexcept;
// Ends the calls in flight whose key or grant has expired meanwhile. To be called once a second.
void end_expired(Worker& worker) noexcept;

}  // namespace claviger::gateway
