// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/unit_order.h"

#include <fmt/format.h>

#include "base/document.h"

namespace claviger::doors::externaldns {
namespace {

// What cannot stand beside it.
bool is_in_the_way(const SetChange& other, const SetChange& change) {
  if (change.is_registry || change.is_removal() || other.is_registry || !other.is_removal()) return false;
  return other.name == change.name &&
         (other.record_type == RecordType::kCname) != (change.record_type == RecordType::kCname);
}

// Addresses of one kind that take over from those of another. Nothing is in the way of either.
bool takes_over(const SetChange& want, const SetChange& removal) {
  if (want.name != removal.name || want.is_removal() || !removal.is_removal() || !want.old.empty())
    return false;
  return answers_with_addresses(want.record_type) && answers_with_addresses(removal.record_type) &&
         !makes_room(removal, want);
}

bool comes_first(const SetChange& other, const SetChange& change) {
  const bool is_its_owner = is_about(other, change) && !other.is_removal() && !change.is_removal();
  const bool is_owned = is_about(change, other) && change.is_removal() == other.is_removal();
  // The last answer of a name is not taken away for one that will not come.
  return is_its_owner || is_owned || is_in_the_way(other, change) || makes_room(change, other) ||
         takes_over(other, change);
}

// `takes_risks`: what may be gone is not waited for; if it is in the way still, the server says so, and nothing is lost.
std::string held_back(std::span<const SetChange> changes, std::size_t which, std::span<const Stop> stops,
                      bool takes_risks) {
  const SetChange& change = changes[which];
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (i == which || !comes_first(changes[i], change)) continue;
    if (takes_risks && stops[i].may_be_done && is_in_the_way(changes[i], change)) continue;
    if (!stops[i].why.empty())
      return fmt::format("{} {} comes first: {}", base::printable_name(changes[i].shown), changes[i].type,
                         stops[i].why);
    // What room is made for may itself be held back: by its owner's record, or by what else is in its way. It is no removal, so that
    // this goes no deeper.
    if (makes_room(change, changes[i]))
      if (std::string by = held_back(changes, i, stops, false); !by.empty()) return by;
  }
  return {};
}

}  // namespace

bool makes_room(const SetChange& removal, const SetChange& want) {
  if (!removal.is_removal() || want.is_removal() || removal.name != want.name) return false;
  if (!answers_with_addresses(removal.record_type) || !answers_with_addresses(want.record_type)) return false;
  return (removal.record_type == RecordType::kCname) != (want.record_type == RecordType::kCname);
}

std::string held_back_by(std::span<const SetChange> changes, std::size_t which, std::span<const Stop> stops) {
  return held_back(changes, which, stops, true);
}

}  // namespace claviger::doors::externaldns
