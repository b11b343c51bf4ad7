// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "doors/externaldns/api_caller.h"
#include "http/client_connection.h"
#include "net/buffer.h"
#include "net/loop.h"

namespace claviger::doors::externaldns {

// Calls by connections into the gateway's own pipeline: plain HTTP/1.1 to a worker, which decides, attaches the credential and relays as for
// any caller. A connection carries one call at a time, and waits for the next one when its answer was whole.
//
// Owns: the connections. Threads: its loop's. Secrets: it sees none; upstreams' answers come masked.
class InnerCaller final : public ApiCaller {
 public:
  // The door's end of a new connection: a non-blocking socket, which is taken over.
  using Connect = std::function<Result<int>()>;
  // Requires: the loop and the pool outlive it; it outlives its tasks.
  InnerCaller(net::Loop& loop, net::BufferPool& buffers, Connect connect);
  ~InnerCaller() override;

  // Where each upstream is mounted, by its name; calls to others are kUnavailable.
  void use(std::map<std::string, std::string, std::less<>> mounts) { mounts_ = std::move(mounts); }

  net::Task<Result<ApiAnswer>> send(ApiRequest request) override;

  // Ends the calls that are under way, at once; those that come are kUnavailable.
  void stop() noexcept;

 private:
  class Lease;
  net::Task<Result<ApiAnswer>> exchange(const ApiRequest& request, const std::string& mount, bool& refused);
  Result<std::unique_ptr<http::ClientConnection>> open();

  net::Loop& loop_;
  net::BufferPool& buffers_;
  Connect connect_;
  std::map<std::string, std::string, std::less<>> mounts_;
  std::vector<std::unique_ptr<http::ClientConnection>> idle_;
  std::vector<http::ClientConnection*> busy_;
  bool stopped_ = false;
};

}  // namespace claviger::doors::externaldns
