// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "doors/externaldns/provider_options.h"
#include "doors/externaldns/technitium.h"
#include "net/loop.h"

namespace claviger::doors::externaldns {

// A zone that was not there, and was made.
struct MadeZone {
  Node node;
  std::string request_id;
};

// Which zones are managed, and which node is primary for each: the only one that is asked for its records, and that takes
// changes of them. Roles are read off what the nodes say of their zones, and may change at any time.
//
// Owns: what the nodes said last. What it is made with outlives it.
// Threads: the loop's.
class ZoneMap {
 public:
  // For so long what is known is good enough for changes, which follow on a look at the records.
  static constexpr std::chrono::seconds kFresh{30};
  // And a node that failed is asked again only after so long, unless nobody else knows.
  static constexpr std::chrono::seconds kRest{20};

  ZoneMap(const ProviderOptions& options, Technitium& server, net::Loop& loop);

  // Asks the nodes, in order, until it is known who is primary for each zone that is configured, or all of them where none is.
  // Fails where no node answers at all.
  net::Task<Result<void>> refresh(Monotonic until);
  // The same, unless it was done a moment ago.
  net::Task<Result<void>> refresh_if_old(Monotonic until);
  // Makes `zone`, which is missing, where that is asked for: nobody else may be making it.
  net::Task<std::optional<MadeZone>> create(std::string zone, Monotonic until);

  // Takes over what another knows, where both are about the same nodes and zones.
  void take_over(const ZoneMap& other);

  // Canonical names, sorted. Those that are configured and that no node has are among them. Where none is configured: those that a
  // node was primary for when it was seen last, and, until each node has answered once, those that are secondary where one
  // looked: a name is of its longest zone, whoever has it.
  const std::vector<std::string>& zones() const noexcept { return zones_; }
  // Whether some node is primary for one of them at least.
  bool has_primaries() const noexcept;
  // Null: see why_not(). Holds until the next co_await.
  const Node* primary_of(std::string_view zone) const;
  // No node has it at all, and all were asked.
  bool is_missing(std::string_view zone) const;
  std::string why_not(std::string_view zone) const;
  // All zones on the node that is primary for `zone`, managed or not, sorted: of those that could be below a managed one. A name below a
  // longer one is answered from that one. Holds until the next co_await.
  std::span<const std::string> zones_of_primary(std::string_view zone) const;
  // ExternalDNS was told of the records of all but these, and makes what it misses: nothing is changed in them before it has read them.
  void left_out(std::set<std::string, std::less<>> zones) { left_out_ = std::move(zones); }
  bool was_left_out(std::string_view zone) const { return left_out_.contains(zone); }
  // Of the nodes that were asked last, in one line each.
  std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }
  // Somebody found that what is known is wrong.
  void forget() noexcept { asked_at_.reset(); }

 private:
  struct Asked {
    std::optional<Monotonic> failed_at;
    std::string why;
  };
  struct Found {
    std::optional<Node> primary;
    std::string elsewhere;  // "Secondary on technitium-b"
  };
  // What a round of questions brings. Several may be under way; the last to end is what is known.
  struct Round {
    std::map<std::string, Found, std::less<>> found;
    std::map<std::string, std::vector<std::string>, std::less<>> names;  // zones_of_primary(), by node_text()
    std::size_t answered = 0, unanswered = 0;  // nodes
    bool has_seen_all = false;  // every node answered
  };
  net::Task<bool> ask(Round& round, Node node, Monotonic until);
  std::vector<Node> nodes_in_order() const;
  net::Task<void> ask_all(Round& round, Monotonic until);
  bool is_wanted(const ServerZone& zone) const;
  bool is_complete(const Round& round) const;
  void publish(Round round);

  const ProviderOptions& options_;
  Technitium& server_;
  net::Loop& loop_;
  std::vector<std::string> zones_;
  Round known_;
  bool has_seen_all_once_ = false;
  std::set<std::string, std::less<>> had_primary_;  // where no zones are configured
  std::set<std::string, std::less<>> left_out_;
  std::map<std::string, Asked, std::less<>> asked_;  // by node_text()
  std::optional<Monotonic> asked_at_;
  std::vector<std::string> warnings_;
};

}  // namespace claviger::doors::externaldns
