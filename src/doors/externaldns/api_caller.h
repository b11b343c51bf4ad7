// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/task.h"

namespace claviger::doors::externaldns {

// A form that is posted to the upstream's API. All of it is borrowed, and outlives the task.
struct ApiRequest {
  std::string_view upstream;  // its name
  std::string_view path;      // below its mount: "/api/zones/list"
  std::string_view form;      // "a=1&b=2", percent-encoded
  Monotonic until = Monotonic::max();  // then it is given up, whatever has become of it upstream
  // Takes the body of an answer with status 200 piece by piece as it comes, so that it need not be held whole; an error ends the
  // call with it. Null: it is in ApiAnswer::body, with the body of every other status.
  std::function<Result<void>(std::string_view piece)> on_body = nullptr;
};

struct ApiAnswer {
  unsigned status = 0;
  std::string body;
  std::string
      error_code;  // "denied", where the gateway answered in the upstream's place; empty: it was the upstream
  std::string request_id;  // of the call, in the access log and its own audit event
  std::uint32_t retry_after = 0;  // seconds, where that was said; 0: it was not
};

// Posts to upstreams as a principal that was fixed for good. Never with a credential: that is the pipeline's.
//
// Calls may run at the same time; how many do at most is the caller's to bound.
// Threads: one loop's.
class ApiCaller {
 public:
  // Bodies that are held whole are this long at most; a longer one is kUpstreamFailed.
  static constexpr std::size_t kMostBody = std::size_t{1} << 20;

  virtual ~ApiCaller() = default;

  // Whatever was answered in time is an answer. kTimeout: `until` has come; kUpstreamFailed: it was cut short; after these the upstream may
  // have done it all the same. Nothing was sent: kUnavailable: the gateway does not take it (it is short of something, or has no such
  // upstream); kCancelled: nor any other from now on.
  virtual net::Task<Result<ApiAnswer>> send(ApiRequest request) = 0;
};

}  // namespace claviger::doors::externaldns
