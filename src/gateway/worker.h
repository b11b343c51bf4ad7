// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "crypto/hash.h"
#include "gateway/failure_log.h"
#include "gateway/request_ids.h"
#include "gateway/secret_scratch.h"
#include "gateway/upstream_pools.h"
#include "gateway/world.h"
#include "http/server_connection.h"
#include "net/buffer.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "policy/rate.h"
#include "telemetry/access_log.h"
#include "telemetry/metrics.h"

namespace claviger::gateway {

// What all workers share, read-only or atomic.
struct Shared {
  policy::LimitCells& cells;          // of grants
  policy::LimitCells& address_cells;  // of addresses: strangers must not crowd out grants
  const policy::LimitKeys& limit_keys;
  policy::Rate unauthenticated_rate;  // refusals for bad credentials, for each address
  http::HeadLimits answer_head;       // of upstreams
};

// What one worker has of its own: nothing in here is touched by another thread while it runs.
struct Worker {
  net::Loop& loop;
  net::Resolver& resolver;
  net::BufferPool& buffers;
  telemetry::WorkerMetrics& metrics;
  telemetry::AccessLog& access_log;
  FailureLog failures;
  vault::Opener opener;
  crypto::Sha256 sha256;
  RequestIds request_ids;
  SecretScratchPool scratch;
  UpstreamPools pools;
  const Shared& shared;
  std::size_t turn = 0;  // of credentials in a pool
};

}  // namespace claviger::gateway
