// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "doors/externaldns/api_caller.h"
#include "doors/externaldns/endpoint.h"
#include "doors/externaldns/provider_options.h"
#include "net/loop.h"

namespace claviger::doors::externaldns {

// What became of the records of one name and type.
enum class Outcome : std::uint8_t {
  kDone,       // changed as asked
  kUnchanged,  // was so already, nothing was sent
  kDryRun,     // would have been changed
  kRefused,    // not sent, and will not be: no such zone, no valid record, the guard
  kFailed,  // sent, or prepared, in vain; part of it may be done. The next cycle goes on from what is there
  kLeft,  // not begun: the deadline, no node that takes writes, or the gateway does not let it through
};
std::string_view outcome_name(Outcome outcome) noexcept;  // "done", "unchanged", "dry_run", ...

// For the audit log, the operator's log and counters. Borrowed for the call.
struct RecordChange {
  std::string_view zone;  // empty: none is known for the name
  std::string_view name, type;
  std::string_view before,
      after;  // "300 192.0.2.1 192.0.2.2": TTL, then targets, as ExternalDNS writes them; empty: none
  std::string_view added, removed;  // targets alone
  std::string_view upstream;  // that it was sent to; empty: to none
  const std::vector<std::string>& request_ids;  // of the calls that it took, in order
  Outcome outcome;
  std::string_view reason;  // kRefused, kFailed, kLeft
};

// For the same.
struct ZoneMade {
  std::string_view zone, upstream, request_id;
};

struct ProviderHooks {
  // kUnchanged is told of, too.
  std::function<void(const RecordChange&)> record_changed = nullptr;
  std::function<void(const ZoneMade&)> zone_made = nullptr;
  // Something an operator should look at that belongs to no change, in one line: a node that fails, a record that cannot be read.
  std::function<void(std::string_view what)> warned = nullptr;
};

// What became of a set of changes.
struct Applied {
  std::size_t done = 0, unchanged = 0, dry_run = 0, refused = 0, failed = 0, left = 0;
  std::string reason;  // why it is not whole, first things first, 1 KiB at most; empty where it is
  // Registry's records that were to go after what they are about, and did not, though it did: for finish(). Nobody asks for it again.
  std::vector<Endpoint> orphans;
  bool is_whole() const noexcept { return refused + failed + left == 0; }
};

// Technitium's records as ExternalDNS wants to see them, and its changes as Technitium takes them.
//
// Any number of calls may be under way; changes are applied one set after the other.
// Owns: what it knows of zones and nodes. `calls` and `loop` outlive it; it outlives its tasks.
// Threads: one loop's.
class Provider {
 public:
  Provider(ProviderOptions options, ApiCaller& calls, net::Loop& loop, ProviderHooks hooks);
  ~Provider();
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  // Goes on with what another found out, as far as that is about the same nodes and zones. Before anything is asked of it.
  void take_over(const Provider& other);

  // What is managed. Asks a node only where no zones are configured, and no regular expressions.
  net::Task<Result<DomainFilter>> negotiate();
  // The body of `GET /records`: all records of all zones, as JSON. An error if a zone cannot be read whole: what
  // is not listed would be made again, or be thought gone. Answers by the deadline, and by `latest`.
  net::Task<Result<std::string>> records(Monotonic latest = Monotonic::max());
  // The body of the answer to `POST /adjustendpoints`: each endpoint as records() will have it once it is there.
  Result<std::string> adjust(std::string_view endpoints) const;
  // Never fails as a whole: what can be done is. Answers by the deadline.
  net::Task<Applied> apply(Changes changes);
  // Deletes what apply() left behind, but for what is about something that is there again.
  net::Task<Applied> finish(std::vector<Endpoint> orphans);
  // Whether records() could be answered, as far as zones and one name of them tell: for the readiness probe.
  net::Task<Result<void>> check();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace claviger::doors::externaldns
