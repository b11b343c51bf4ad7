// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "net/loop.h"
#include "net/task.h"

namespace claviger::net {

// Names to addresses by way of c-ares, both families, without blocking the loop. Answers are kept for
// their TTL (1 s to 5 min), failures for 1 s; concurrent questions for a name are one.
//
// Threads: its loop's. Owns: its sockets. The loop outlives it.
class Resolver {
 public:
  static Result<std::unique_ptr<Resolver>> create(Loop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // At least one address, in the order to try them (RFC 6724, as c-ares sorts); IP literals are answered at once.
  // kUpstreamFailed (blame upstream) when there is no such name, kUpstreamTimeout when no server answered.
  Task<Result<std::vector<base::IpAddress>>> resolve(std::string name);

 private:
  struct State;
  explicit Resolver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace claviger::net
