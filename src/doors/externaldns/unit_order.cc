// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/unit_order.h"

#include <fmt/format.h>

#include "base/document.h"

namespace claviger::doors::externaldns {
namespace {

bool answers_with_addresses(const SetChange& change) noexcept {
  switch (change.record_type) {
    case RecordType::kA:
    case RecordType::kAaaa:
    case RecordType::kCname:
    case RecordType::kAname:
      return true;
    default:
      return false;
  }
}

bool comes_first(const SetChange& other, const SetChange& change) {
  const bool is_its_owner = is_about(other, change) && !other.is_removal() && !change.is_removal();
  const bool is_owned = is_about(change, other) && change.is_removal() == other.is_removal();
  const bool is_in_the_way = !change.is_registry && !change.is_removal() && !other.is_registry &&
                             other.is_removal() && other.name == change.name;
  // The last answer of a name is not taken away for one that will not come.
  return is_its_owner || is_owned || is_in_the_way || makes_room(change, other);
}

}  // namespace

bool makes_room(const SetChange& removal, const SetChange& want) {
  if (!removal.is_removal() || want.is_removal() || removal.name != want.name) return false;
  if (!answers_with_addresses(removal) || !answers_with_addresses(want)) return false;
  return (removal.record_type == RecordType::kCname) != (want.record_type == RecordType::kCname);
}

std::string held_back_by(std::span<const SetChange> changes, std::size_t which, std::span<const Stop> stops) {
  const SetChange& change = changes[which];
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (i == which || !comes_first(changes[i], change)) continue;
    if (!stops[i].why.empty())
      return fmt::format("{} {} comes first: {}", base::printable_name(changes[i].shown), changes[i].type,
                         stops[i].why);
    // What room is made for may itself be held back: by its owner's record. It is no removal, so that this goes no deeper.
    if (makes_room(change, changes[i]))
      if (std::string by = held_back_by(changes, i, stops); !by.empty()) return by;
  }
  return {};
}

}  // namespace claviger::doors::externaldns
