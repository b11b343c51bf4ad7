// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "net/loop.h"
#include "net/task.h"

namespace claviger::net {

// For tests; elsewhere the defaults serve.
struct ResolverOptions {
  std::string resolv_conf = "/etc/resolv.conf";
  std::uint16_t port = 53;  // of the name servers
  std::chrono::milliseconds try_timeout{
      1000};  // of the first try; twice as long each time all servers were asked
  int tries = 3;
};

// Names to addresses, without blocking the loop: the hosts file, else DNS by way of c-ares, both families at once.
//
// Each family is a question of its own: that one fails, or is not answered, costs the other 100 ms at most. Answers are
// kept for their TTL (1 s to 5 min), failures for 1 s; concurrent questions for a name are one. When no server gives an
// answer any more, the last good one is used for up to 60 s past its TTL (RFC 8767), a second after the question at the
// latest; but never against a server's word that there is no such name.
// Of each family the first eight addresses count. resolv.conf is read again when it has changed (looked at every two
// seconds while there are questions).
//
// Threads: its loop's. Owns: its sockets. The loop outlives it. Who still waits when it is destroyed gets kCancelled.
class Resolver {
 public:
  static Result<std::unique_ptr<Resolver>> create(Loop& loop, ResolverOptions options = {});
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // At least one address, in the order to try them (RFC 6724); IP literals are answered at once. The task may be
  // destroyed while it waits.
  // kUpstreamFailed (blame upstream) when there is no such name, kUpstreamTimeout when no server answered, or not by
  // `deadline`.
  Task<Result<std::vector<base::IpAddress>>> resolve(std::string name, Monotonic deadline = Deadline::kNever);

 private:
  class State;
  explicit Resolver(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace claviger::net
