// SPDX-License-Identifier: Apache-2.0
#include "gateway/stages/stages.h"

namespace claviger::gateway::stages {
namespace {

Error no_upstream(Call& call) noexcept {
  return refused_by("no_upstream", call,
                    Error(Code::kNoUpstream, Blame::kCaller, "no upstream is mounted at this path"));
}

}  // namespace

Result<void> resolve(Call& call, Worker&) noexcept {
  const auto route = call.world->policy->route(call.head->path);
  if (!route) return no_upstream(call);
  const UpstreamRuntime* upstream = (*call.world->upstreams)[route->upstream].get();
  if (upstream == nullptr) return no_upstream(call);
  call.upstream_index = route->upstream;
  call.upstream = upstream;
  call.rest = route->rest;
  if (call.path.has_encoded_slash && call.upstream->resource->encoded_slash == policy::EncodedSlash::kRefuse)
    return refused_by(
        "encoded_slash", call,
        Error(Code::kBadRequest, Blame::kCaller,
              "this upstream takes no %2F in a path (encoded_slash: opaque would let it pass)"));
  return ok();
}

}  // namespace claviger::gateway::stages
