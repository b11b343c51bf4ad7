// SPDX-License-Identifier: Apache-2.0
#pragma once

// What of a unit of changes waits for what: so that no record is without its owner wherever it ends, and a name without an answer only
// between the two calls by which it becomes an alias, or an address again.

#include <cstddef>
#include <span>
#include <string>

#include "doors/externaldns/change_set.h"

namespace claviger::doors::externaldns {

// Why a change was not made.
struct Stop {
  std::string why;  // empty: it was, or need not be, or its turn has not come
  bool is_for_good = false;
  bool may_be_done = false;  // it was sent, all of it, and how it went was not heard
};

// Whether `removal` goes so that `want` can take its place: a CNAME stands alone at its name (RFC 1034, 3.6.2).
bool makes_room(const SetChange& removal, const SetChange& want);

// Why `changes[which]` may not be made: what has to be done before it, or would be left alone by it, and was not, or cannot be.
// Empty: it may. Requires: one stop for each change.
std::string held_back_by(std::span<const SetChange> changes, std::size_t which, std::span<const Stop> stops);

}  // namespace claviger::doors::externaldns
