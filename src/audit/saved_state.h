// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/log_place.h"
#include "audit/note.h"
#include "base/result.h"
#include "crypto/merkle.h"

namespace claviger::audit {

// How far a log was at its last checkpoint, signed like it, so that opening does not hash the whole log again.
// It is no more than that: without it, or with an older one, opening takes longer.
struct SavedState {
  crypto::MerkleTree tree;
  std::uint64_t segment = 0;  // first event of the one that the text ends in
  std::uint64_t bytes = 0;  // of that segment's text
  std::uint64_t outbox = 0;  // the highest entry
  std::optional<LogPlace>
      oldest_open;  // where the oldest call began that was not finished (audit/open_calls.h)

  LogPlace place() const noexcept { return {tree.size(), segment, bytes}; }
};
std::string sign_state(const SavedState& state, const VerifierKey& key, Signer& signer);
// Also of a log that is older than segments. kInvalid for what is not the state of this log.
Result<SavedState> open_state(std::string_view note, const VerifierKey& key);
// Where the text ended that a state was saved with, whoever signed it: a hint for readers. Nothing when it is none.
std::optional<LogPlace> read_state_place(std::string_view note);

}  // namespace claviger::audit
