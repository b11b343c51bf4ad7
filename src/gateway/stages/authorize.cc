// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "gateway/stages/stages.h"

namespace claviger::gateway::stages {

namespace {

// Methods that send a request back, credential and all, or ask for a tunnel. Some servers ignore their case.
bool is_never_granted(std::string_view method) noexcept {
  return base::equals_ignore_case(method, "TRACE") || base::equals_ignore_case(method, "TRACK") ||
         base::equals_ignore_case(method, "DEBUG") || base::equals_ignore_case(method, "CONNECT");
}

}  // namespace

Result<void> authorize(Call& call, Worker&) noexcept {
  const bool is_known =
      call.head->method != http::Method::kOther && call.head->method != http::Method::kTrace;
  if (!is_known && is_never_granted(call.head->method_text))
    return refused_by("method", call, Error(Code::kDenied, Blame::kCaller, "no grant can give this method"));
  call.grant = call.world->policy->authorize(call.principal_index, call.upstream_index, call.head->method,
                                             call.head->method_text, call.path_below_mount(), call.wall);
  if (call.grant != nullptr) return ok();
  if (call.world->policy->denied_path(call.upstream_index, call.path_below_mount()) != nullptr)
    return refused_by(
        "denied_path", call,
        Error(Code::kDenied, Blame::kCaller, "this upstream refuses that path to everybody (deny_paths)"));
  return refused_by("no_grant", call,
                    Error(Code::kDenied, Blame::kCaller,
                          "no grant allows this principal that method and path on this upstream"));
}

}  // namespace claviger::gateway::stages
