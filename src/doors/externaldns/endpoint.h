// SPDX-License-Identifier: Apache-2.0
#pragma once

// What ExternalDNS and the door say to each other, as JSON: endpoints, changes of them, and the domain filter.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace claviger::doors::externaldns {

struct ProviderSpecific {
  std::string name, value;
  bool operator==(const ProviderSpecific&) const = default;
};

// All records of one name and type, as ExternalDNS has them. A field that is empty (a TTL of 0) is left out.
struct Endpoint {
  std::string dns_name;
  std::vector<std::string> targets;
  std::string record_type, set_identifier;
  std::int64_t ttl = 0;  // seconds; 0: the provider's default
  std::map<std::string, std::string> labels;
  std::vector<ProviderSpecific> provider_specific;
  bool operator==(const Endpoint&) const = default;
};

// Of a registry's record: whose owner it tells (external-dns: endpoint.OwnedRecordLabelKey).
inline constexpr std::string_view kOwnedRecordLabel = "ownedRecord";

// `update_old` and `update_new` are in the same order, but are to be matched by name and type all the same.
struct Changes {
  std::vector<Endpoint> create, update_old, update_new, remove;
  bool is_empty() const noexcept { return create.empty() && update_new.empty() && remove.empty(); }
};

// Which names ExternalDNS manages: lists, or regular expressions (RE2), never both. One with a leading dot stands for what
// is below it alone.
struct DomainFilter {
  std::vector<std::string> include, exclude;
  std::string regex_include, regex_exclude;
  bool operator==(const DomainFilter&) const = default;
};

inline constexpr std::size_t kMostWebhookBody = std::size_t{32} << 20;
inline constexpr std::size_t kMostEndpoints = 250'000;  // of one body
inline constexpr std::size_t kMostTargets = 1000;  // of one endpoint that can be made
// More than fit into any answer of DNS (64 KiB), so that whatever is there, or could be, is read whole.
inline constexpr std::size_t kMostHeldTargets = 6000;
inline constexpr std::size_t kMostChangedTargets = 1'000'000;  // of one set of changes
inline constexpr std::size_t kMostLabels = 64;  // of one endpoint; of provider-specific properties as well

// Fields that are unknown are passed over, whatever is in them; null stands for an absent value. kBadRequest (blame
// caller), with the place, where it is no JSON or something is of another type than it has to be; kTooLarge where it is
// more than the limits of a body above.
//
// Hands over endpoints as they are read, so that they need not be held all at once; fails with what `each` fails with. Of
// one with more targets than kMostHeldTargets, or labels and properties than kMostLabels, the first are kept.
Result<void> read_endpoints(std::string_view json, const std::function<Result<void>(Endpoint)>& each);
Result<std::vector<Endpoint>> parse_endpoints(std::string_view json);
// Holds what changes go by: no properties, no label but kOwnedRecordLabel; of an endpoint that has more than kMostTargets
// targets, one more than that.
Result<Changes> parse_changes(std::string_view json);

// Appends compact JSON.
void write_endpoint(std::string& out, const Endpoint& endpoint);
void write_endpoints(std::string& out, std::span<const Endpoint> endpoints);
void write_domain_filter(std::string& out, const DomainFilter& filter);

}  // namespace claviger::doors::externaldns
