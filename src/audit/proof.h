// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "audit/note.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "crypto/merkle.h"

namespace claviger::audit {

// Proofs about the log's tree (RFC 6962 section 2.1): which of its nodes they are made of, what they prove, and the texts
// they travel as (docs/formats/audit.md). Whoever checks one needs nothing else of the log. Errors are kInvalid, blame operator.
// Threads: any.

// The events of a node of the tree, from `begin` up to and without `end`.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool operator==(const Span&) const = default;
};

// The nodes of each kind of proof, in the order in which the proof has their hashes. No two of them overlap.
std::vector<Span> inclusion_spans(std::uint64_t event, std::uint64_t size);  // PATH(); requires: event < size
std::vector<Span> consistency_spans(std::uint64_t since, std::uint64_t size);  // PROOF(); 0 < since <= size
// The largest nodes that have no event of `range` below them, from left to right. Requires: range.begin < range.end <= size.
std::vector<Span> range_spans(Span range, std::uint64_t size);

struct Node {
  Span span;
  crypto::Sha256Digest hash{};
};
// The root of a tree of `size` events from nodes that cover it, each event once. Nodes that are none of that tree are refused.
Result<crypto::Sha256Digest> root_of(std::uint64_t size, std::vector<Node> nodes);

// That one event is in the log: C2SP tlog-proof, version 1.
struct InclusionProof {
  std::uint64_t event = 0;
  std::vector<crypto::Sha256Digest> hashes;
  std::string checkpoint;  // the signed note
};
std::string format_proof(const InclusionProof& proof);
Result<InclusionProof> parse_inclusion_proof(std::string_view text);
// `line` is the event, without its line end.
Result<void> check_inclusion(const InclusionProof& proof, std::string_view line,
                             const Checkpoint& checkpoint);

// That a log of one checkpoint goes on as that of a later one.
struct ConsistencyProof {
  std::uint64_t since = 0;
  std::vector<crypto::Sha256Digest> hashes;
  std::string checkpoint;  // the later one
};
std::string format_proof(const ConsistencyProof& proof);
Result<ConsistencyProof> parse_consistency_proof(std::string_view text);
Result<void> check_consistency(const ConsistencyProof& proof, const Checkpoint& since,
                               const Checkpoint& checkpoint);

// That consecutive events are in the log, just there and with none between them left out.
struct RangeProof {
  Span events;
  std::vector<crypto::Sha256Digest> hashes;
  std::string checkpoint;
};
std::string format_proof(const RangeProof& proof);
Result<RangeProof> parse_range_proof(std::string_view text);

// Takes the leaves of a range one by one, in order, in constant memory.
class RangeCheck {
 public:
  // `size`: of the proof's checkpoint. kInvalid when the proof has not as many hashes as it takes.
  static Result<RangeCheck> begin(const RangeProof& proof, std::uint64_t size);
  void append(const crypto::Sha256Digest& leaf) noexcept { tree_.append(leaf); }
  std::uint64_t next_event() const noexcept { return tree_.size(); }
  // Requires: all of the range was appended.
  Result<crypto::Sha256Digest> root() const;

 private:
  RangeCheck(crypto::MerkleTree tree, std::vector<Node> right, std::uint64_t size)
      : tree_(std::move(tree)), right_(std::move(right)), size_(size) {}
  crypto::MerkleTree tree_;
  std::vector<Node> right_;
  std::uint64_t size_;
};

// What kind of proof a text is, by its first line.
enum class ProofKind : std::uint8_t { kNone, kInclusion, kConsistency, kRange };
ProofKind kind_of_proof(std::string_view text) noexcept;
inline constexpr std::size_t kMaxProof = std::size_t{32} << 10;

// The perfect subtrees that a tree of `size` events consists of, the largest first: one for each bit set.
std::vector<Span> frontier_spans(std::uint64_t size);

}  // namespace claviger::audit
