// SPDX-License-Identifier: Apache-2.0
#pragma once

// Management's events on their way through the store's outbox. Each has a number of its own and a MAC over number and event,
// so that whoever can write the database can neither put words of his own into the audit log, nor repeat, reorder or
// withhold what is there without leaving a mark.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"
#include "vault/key_holder.h"

namespace claviger::registry {

// Era, revision and index of an event within it, in one number that only grows: era << 56 | revision << 16 | index. The
// audit log keeps it as the event's `outbox`. Every revision of a store has one event at least, so a gap shows.
//
// A store that was put back from a backup begins a new era: its revisions come a second time, its numbers do not.
struct EventNumber {
  std::uint8_t era = 0;
  store::Revision revision = 0;
  std::uint32_t index = 0;

  static constexpr std::uint8_t kLastEra = 127;
  static constexpr unsigned kIndexBits = 16;
  static constexpr unsigned kRevisionBits = 40;
  constexpr std::uint64_t value() const noexcept {
    return std::uint64_t{era} << (kRevisionBits + kIndexBits) | revision << kIndexBits | index;
  }
  static constexpr EventNumber of(std::uint64_t value) noexcept {
    return {.era = static_cast<std::uint8_t>(value >> (kRevisionBits + kIndexBits)),
            .revision = value >> kIndexBits & ((std::uint64_t{1} << kRevisionBits) - 1),
            .index = static_cast<std::uint32_t>(value & ((1U << kIndexBits) - 1))};
  }
};

struct OutboxEvent {
  std::uint64_t number = 0;
  std::uint32_t of = 0;  // how many its revision has
  std::string_view event;  // a view into what was opened
};

// {"mac":"<64 hex digits>","number":N,"of":K,"event":{...}}
std::string seal_event(vault::KeyHolder& keys, const OutboxEvent& event);
// Nothing when it is not one of this gateway's.
std::optional<OutboxEvent> open_event(vault::KeyHolder& keys, std::string_view sealed);

// The store's era: a value with a MAC in its meta; 0 where there is none.
Result<std::uint8_t> read_era(vault::KeyHolder& keys, store::Store& store);
store::Meta write_era(vault::KeyHolder& keys, std::uint8_t era);

}  // namespace claviger::registry
