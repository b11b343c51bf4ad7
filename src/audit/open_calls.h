// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "audit/lane.h"
#include "audit/log_place.h"

namespace claviger::audit {

// The calls of which the log has the beginning and not the end, as the writer sees them go by. Of these, and no others, it
// does not know after a crash what came of them (audit/orphans.h); where the oldest began is saved with the state, so that
// nobody has to read the log from its beginning for them.
//
// Memory: for each call that is open. Threads: the writer's.
class OpenCalls {
 public:
  // The event of `mark` was taken from `lane`; its line begins at `place`.
  void note(const Lane& lane, CallMark mark, const LogPlace& place);
  // Cost: a look at each.
  std::optional<LogPlace> oldest() const noexcept;
  std::size_t size() const noexcept { return places_.size(); }

 private:
  struct Key {
    const Lane* lane;
    std::uint64_t id;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<std::uint64_t>{}(key.id) * 31 + std::hash<const Lane*>{}(key.lane);
    }
  };
  std::unordered_map<Key, LogPlace, Hash> places_;
};

}  // namespace claviger::audit
