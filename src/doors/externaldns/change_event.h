// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "audit/event.h"
#include "base/clock.h"
#include "doors/externaldns/provider.h"

namespace claviger::doors::externaldns {

// For whom and on whose behalf a record was changed.
struct ChangeContext {
  WallTime time{};
  std::string_view door, principal;
  std::string_view request_id;  // of ExternalDNS's request
};

// Whether something was sent for it, so that it may be otherwise than it was.
bool is_recorded(Outcome outcome) noexcept;

// "dns_record.changed": what was there before, and what there is to be after. Of a set that is too long for a line, what makes the
// difference besides, and digests of the whole. Requires: is_recorded().
audit::Event change_event(const ChangeContext& context, const RecordChange& change);

// "dns_zone.created".
audit::Event zone_event(const ChangeContext& context, const ZoneMade& made);

// "dns_changes.refused": how many of a set of changes were not even tried, and why the first were not.
audit::Event refusal_event(const ChangeContext& context, std::size_t refused, std::string_view reason);

}  // namespace claviger::doors::externaldns
