// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/note.h"
#include "base/clock.h"
#include "crypto/merkle.h"

namespace claviger::audit {

// What is left of events that were pruned: the roots of the perfect subtrees of the first tree.size() events, which is
// all that the tree of the kept ones needs of them (docs/formats/audit.md).

// The file `pruned`.
std::string sign_pruned(const crypto::MerkleTree& tree, const VerifierKey& key, Signer& signer);
// kInvalid when it is not that of this log, or not signed with this key.
Result<crypto::MerkleTree> open_pruned(std::string_view note, const VerifierKey& key);

// The event "audit.pruned", which is in the log, under a checkpoint, before anything is removed. It ends in the highest number
// of an outbox entry in the log so far (audit/line.h), since the events that have it may be among what goes.
enum class PruneReason : std::uint8_t { kAge, kSize };
struct PrunedEvent {
  std::uint64_t first = 0;  // the first event that was kept until then
  crypto::MerkleTree tree;  // of the events before the first that is kept from then on
};
// Requires: at most kMostPruned segments.
inline constexpr std::size_t kMostPruned = 64;
std::string pruned_event(WallTime time, std::uint64_t first, std::span<const std::uint64_t> segments,
                         const crypto::MerkleTree& tree, PruneReason reason);
// Nothing for any other line. Nobody else's text passes for it: events begin with their type, and only the log itself
// writes this one.
std::optional<PrunedEvent> find_pruned_event(std::string_view line);

}  // namespace claviger::audit
