// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/line.h"
#include "audit/log_view.h"
#include "audit/proof.h"
#include "base/result.h"

namespace claviger::audit {

// Makes proofs from a log's directory, or from a copy. What goes into them comes from the hashes beside the log, from its
// text where a copy lacks them, and, for events that were pruned, from the roots that are left; every proof is checked
// before it is given out, so that a wrong one is an Error that says so, and none that somebody else has to find.
//
// Memory: a block and O(log n) hashes. Time: a pass over the hashes. Threads: any; everything blocks.
// Errors: kNotFound for what is not kept, or not yet under a checkpoint; kInvalid when the log contradicts its checkpoint.

// Gives the leaves of a log, in ascending order.
class LeafReader {
 public:
  explicit LeafReader(LogView& view) : view_(view) {}
  // Requires: `event` is kept, and not below the one asked for last. kInvalid when the log ends before it.
  Result<crypto::Sha256Digest> at(std::uint64_t event);

 private:
  Result<void> open_segment_of(std::uint64_t event);
  Result<crypto::Sha256Digest> from_text(std::uint64_t event);

  LogView& view_;
  std::size_t index_ = 0;
  std::optional<OpenSegment> files_;
  std::optional<LineScanner> lines_;  // where there are no leaves
  std::uint64_t next_line_ = 0;  // event that `lines_` gives next
};

// The hashes of nodes that do not overlap, each event's leaf read once. kNotFound when one lies among pruned events, and
// is not one of the roots that are left of them.
Result<std::vector<crypto::Sha256Digest>> hash_nodes(LogView& view, const std::vector<Span>& spans);

// The last checkpoint of a log.
struct NewestCheckpoint {
  Checkpoint checkpoint;
  std::string note;
};
Result<NewestCheckpoint> find_newest_checkpoint(const LogView& view);

struct ProvenEvent {
  InclusionProof proof;
  std::string line;  // the event, without its line end
};
// That the event of this number is in the log, under its last checkpoint.
Result<ProvenEvent> prove_event(const std::string& directory, std::uint64_t event);
// That the log of its last checkpoint goes on from that of an earlier one, which was saved in a file.
Result<ConsistencyProof> prove_consistency(const std::string& directory, const std::string& since_file);

// The events of a request, as far as they are kept: numbers, ascending, with their types.
struct FoundEvent {
  std::uint64_t number = 0;
  std::string type;
};
Result<std::vector<FoundEvent>> find_request(const std::string& directory, std::string_view request_id);

}  // namespace claviger::audit
