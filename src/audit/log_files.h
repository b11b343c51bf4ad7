// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "audit/disk.h"
#include "audit/note.h"
#include "crypto/merkle.h"

namespace claviger::audit {

// The names in a log's directory (docs/formats/audit.md).
inline constexpr const char* kCheckpoints = "checkpoints";
inline constexpr const char* kState = "state";
inline constexpr const char* kKey = "key.pub";
std::string segment_name(std::uint64_t first_event);
std::string leaves_name(std::uint64_t first_event);

// How far a log was at its last checkpoint, signed like it, so that opening does not hash the whole log again.
// It is no more than that: without it, or with an older one, opening takes longer.
struct SavedState {
  crypto::MerkleTree tree;
  std::uint64_t bytes = 0;  // of the text
  std::uint64_t outbox = 0;  // the highest entry
};
std::string sign_state(const SavedState& state, const VerifierKey& key, Signer& signer);
Result<SavedState> open_state(std::string_view note, const VerifierKey& key);

// An opened log, in order: what its files hold is on disk and fits together.
struct LogFiles {
  std::unique_ptr<DiskFile> text;
  std::unique_ptr<DiskFile> leaves;
  std::unique_ptr<DiskFile> checkpoints;
  crypto::MerkleTree tree;  // of all events
  std::uint64_t text_bytes = 0;
  std::uint64_t checkpoint_bytes = 0;
  std::uint64_t checkpointed = 0;  // events under the last checkpoint
  std::uint64_t outbox = 0;  // the highest entry
};

// Opens or makes a log's files, and mends what a crash left: the end that was never synced is cut off, everything behind
// the last checkpoint is hashed, written and synced once more (that it can be read does not say that it is on disk).
// kInvalid, naming the place, when the files are not what the last checkpoint says.
Result<LogFiles> open_log_files(Disk& disk, const VerifierKey& key);

}  // namespace claviger::audit
