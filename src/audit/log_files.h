// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/disk.h"
#include "audit/log_keys.h"
#include "audit/note.h"
#include "audit/pruned.h"
#include "audit/saved_state.h"
#include "crypto/merkle.h"

namespace claviger::audit {

// The names in a log's directory (docs/formats/audit.md).
inline constexpr const char* kCheckpoints = "checkpoints";  // of a log that is older than segments
inline constexpr const char* kPruned = "pruned";
inline constexpr const char* kState = "state";
inline constexpr const char* kKey = "key.pub";
std::string segment_name(std::uint64_t first_event);
std::string leaves_name(std::uint64_t first_event);
std::string checkpoints_name(std::uint64_t first_event);
// The number in the name of a file that belongs to a segment, whatever its suffix.
std::optional<std::uint64_t> segment_of(std::string_view name);

// A segment that has ended.
struct ClosedSegment {
  std::uint64_t first_event = 0;
  std::uint64_t bytes = 0;  // of its text, hashes and checkpoints
};

// The files of the segment that is written.
struct SegmentFiles {
  std::uint64_t first_event = 0;
  std::unique_ptr<DiskFile> text;
  std::unique_ptr<DiskFile> leaves;
  std::unique_ptr<DiskFile> checkpoints;
  std::uint64_t text_bytes = 0;  // synced
  std::uint64_t checkpoint_bytes = 0;

  // Of all three.
  std::uint64_t bytes(std::uint64_t leaf_count) const noexcept {
    return text_bytes + leaf_count * sizeof(crypto::Sha256Digest) + checkpoint_bytes;
  }
};
// Opens or makes them. When there is a text, there are the other two.
Result<SegmentFiles> open_segment(Disk& disk, std::uint64_t first_event);
// The same for the next one, which must not hold anything yet; what a crash left of another attempt is used. When it
// fails, there may be a text all the same: then nothing more may be written to the segment before, and unmake_segment()
// comes first.
Result<SegmentFiles> make_segment(Disk& disk, std::uint64_t first_event);
Result<void> unmake_segment(Disk& disk, std::uint64_t first_event);

// An opened log, in order: what its files hold is on disk and fits together.
struct LogFiles {
  SegmentFiles segment;
  std::vector<ClosedSegment> closed;  // before it, in order
  crypto::MerkleTree pruned;  // of what is not kept any more
  crypto::MerkleTree tree;  // of all events
  std::uint64_t checkpointed = 0;  // events under the last checkpoint
  std::uint64_t outbox = 0;  // the highest entry

  // What all kept segments take.
  std::uint64_t bytes() const noexcept {
    std::uint64_t bytes = segment.bytes(tree.size() - segment.first_event);
    for (const ClosedSegment& ended : closed) bytes += ended.bytes;
    return bytes;
  }
  std::optional<WallTime> segment_began;  // the time of its first event, where there is one that says it
  LogPlace unfinished_from;  // no call that has no end in the log began before it
};

// Opens or makes a log's files, and mends what a crash left: the end that was never synced is cut off, everything behind
// the last checkpoint is hashed, written and synced once more (that it can be read does not say that it is on disk), what was
// pruned is removed.
// kInvalid, naming the place, when the files are not what the last checkpoint says.
Result<LogFiles> open_log_files(Disk& disk, const LogKeys& keys);

// The last checkpoint in a segment's file, and where the next one goes: a note that was cut short by a crash is written over.
struct LastCheckpoint {
  Checkpoint checkpoint;  // of size 0: there is none
  std::uint64_t bytes = 0;
};
// Signed with one of `keys`, of which there is at least one.
Result<LastCheckpoint> read_last_checkpoint(const Disk& disk, DiskFile& file,
                                            std::span<const VerifierKey> keys);
// Whether `tree`, which ends where a segment begins, is what the checkpoint there says. kInvalid when it is not.
Result<void> check_boundary(Disk& disk, const std::vector<ClosedSegment>& closed,
                            const crypto::MerkleTree& tree, const LogKeys& keys);
// Removes the files of the segments that begin before the event `end`.
Result<void> remove_segments_before(Disk& disk, std::uint64_t end);

}  // namespace claviger::audit
