// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "doors/externaldns/endpoint.h"
#include "doors/externaldns/name_filter.h"
#include "doors/externaldns/record_type.h"

namespace claviger::doors::externaldns {

// What is to become of the records of one name and type: `old` are to go, `want` to be there; both are canonical.
struct SetChange {
  std::string zone;  // empty: none is known for it
  std::string name;  // where it is kept
  std::string shown;  // as ExternalDNS calls it
  std::string type;  // as ExternalDNS calls it
  RecordType record_type = RecordType::kA;
  std::vector<std::string> want, old;
  std::int64_t ttl = 0;  // 0: as it is, or the default
  bool is_registry = false;  // a TXT record of ExternalDNS's own, which says who owns another
  std::string owned;  // the name that it is about
  std::string refusal;  // why it cannot be done, whatever the server has
  bool is_removal() const noexcept { return want.empty(); }
};

// Changes that go together: of a name, and of the registry's records about it. In the order in which they are safe: what says who owns a
// record is made before it and goes after it (a record that nobody owns is never touched again), and what is in the way of another goes first.
struct Unit {
  std::vector<SetChange> changes;
};

// Whether `registry` says who owns `other`, as far as its name tells.
bool is_about(const SetChange& registry, const SetChange& other);

// Requires: `zones` canonical and sorted.
std::vector<Unit> make_units(Changes changes, std::span<const std::string> zones, const NameFilter& filter);

}  // namespace claviger::doors::externaldns
