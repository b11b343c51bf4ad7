// SPDX-License-Identifier: Apache-2.0
#include "audit/proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/parse.h"
#include "crypto/encode.h"

namespace claviger::audit {
namespace {

constexpr std::string_view kInclusionTitle = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kConsistencyTitle = "claviger audit consistency v1";
constexpr std::string_view kRangeTitle = "claviger audit range v1";
// A range has at most two nodes on each level of the tree; nothing has more.
constexpr std::size_t kMaxHashes = 128;

template <std::size_t N>
Error invalid(const char (&what)[N]) {
  return Error(Code::kInvalid, Blame::kOperator, what);
}

// Where RFC 6962 divides a tree of so many leaves: the largest power of two below it. Requires: size > 1.
std::uint64_t left_half(std::uint64_t size) noexcept { return std::bit_floor(size - 1); }

// Calls `visit` with the nodes below `node`, from left to right, that `is_whole` takes as they are.
template <class IsWhole, class Visit>
void descend(Span node, const IsWhole& is_whole, const Visit& visit) {
  if (is_whole(node)) return visit(node);
  if (node.end - node.begin == 1) return;
  const std::uint64_t middle = node.begin + left_half(node.end - node.begin);
  descend({node.begin, middle}, is_whole, visit);
  descend({middle, node.end}, is_whole, visit);
}

// SUBPROOF() of RFC 6962 section 2.1.2, with `since` counted from the beginning of the log.
void add_subproof(std::uint64_t since, Span node, bool is_known, std::vector<Span>& spans) {
  if (node.end == since) {
    if (!is_known) spans.push_back(node);
    return;
  }
  const std::uint64_t middle = node.begin + left_half(node.end - node.begin);
  if (since <= middle) {
    add_subproof(since, {node.begin, middle}, is_known, spans);
    spans.push_back({middle, node.end});
  } else {
    add_subproof(since, {middle, node.end}, false, spans);
    spans.push_back({node.begin, middle});
  }
}

// Nodes from left to right, as far as they are used up.
class Cover {
 public:
  explicit Cover(std::vector<Node> nodes) : nodes_(std::move(nodes)) {
    std::ranges::sort(nodes_, {}, [](const Node& node) { return node.span.begin; });
  }
  Result<crypto::Sha256Digest> root(Span node) {
    if (next_ < nodes_.size() && nodes_[next_].span == node) return nodes_[next_++].hash;
    if (node.end - node.begin == 1) return invalid("nodes that do not make up a tree");
    const std::uint64_t middle = node.begin + left_half(node.end - node.begin);
    const crypto::Sha256Digest left = CLV_TRY(root({node.begin, middle}));
    const crypto::Sha256Digest right = CLV_TRY(root({middle, node.end}));
    return crypto::merkle_node(left, right);
  }
  bool is_used_up() const noexcept { return next_ == nodes_.size(); }

 private:
  std::vector<Node> nodes_;
  std::size_t next_ = 0;
};

Result<std::vector<Node>> nodes_of(const std::vector<Span>& spans,
                                   std::span<const crypto::Sha256Digest> hashes) {
  if (hashes.size() != spans.size()) return invalid("a proof has more or fewer hashes than it takes");
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < spans.size(); ++i) nodes.push_back({spans[i], hashes[i]});
  return nodes;
}

std::string text_of(std::string head, std::span<const crypto::Sha256Digest> hashes,
                    std::string_view checkpoint) {
  for (const crypto::Sha256Digest& hash : hashes) head += to_base64(hash) + "\n";
  return head + "\n" + std::string(checkpoint);
}

Result<void> take_title(std::string_view& text, std::string_view title) {
  if (CLV_TRY(take_line(text)) != title) return invalid("a proof of another kind, or none");
  return ok();
}

// "<name> <number>"
Result<std::uint64_t> take_named(std::string_view& text, std::string_view name) {
  std::string_view line = CLV_TRY(take_line(text));
  if (!line.starts_with(name) || !line.substr(name.size()).starts_with(' '))
    return Error::formatted(Code::kInvalid, Blame::kOperator, fmt::format("a proof has no line '{}'", name));
  return base::parse_decimal(line.substr(name.size() + 1));
}

// The hashes up to an empty line.
Result<std::vector<crypto::Sha256Digest>> take_hashes(std::string_view& text) {
  std::vector<crypto::Sha256Digest> hashes;
  for (;;) {
    const std::string_view line = CLV_TRY(take_line(text));
    if (line.empty()) return hashes;
    if (hashes.size() == kMaxHashes) return invalid("a proof has too many hashes");
    CLV_TRY_VOID(parse_base64(line, hashes.emplace_back()));
  }
}

// What is left is the signed note; its own reader looks closer.
Result<std::string> take_checkpoint(std::string_view text) {
  if (text.empty() || text.size() > kMaxNote) return invalid("a proof has no checkpoint");
  return std::string(text);
}

// Applications may put data of theirs between title and index; there is nothing to check it against.
Result<void> skip_extra(std::string_view& text) {
  constexpr std::string_view kExtra = "extra ";
  if (!text.starts_with(kExtra)) return ok();
  const std::string_view line = CLV_TRY(take_line(text));
  const std::string_view base64 = line.substr(kExtra.size());
  std::vector<std::byte> bytes(base64.size() / 4 * 3);
  if (!crypto::base64_decode(base64, bytes).valid) return invalid("a proof's extra data is not base64");
  return ok();
}

bool is_text_size(std::string_view text) noexcept { return text.size() <= kMaxProof; }

}  // namespace

std::vector<Span> frontier_spans(std::uint64_t size) {
  std::vector<Span> spans;
  for (std::uint64_t begin = 0; begin < size; begin = spans.back().end)
    spans.push_back({begin, begin + std::bit_floor(size - begin)});
  return spans;
}

std::vector<Span> inclusion_spans(std::uint64_t event, std::uint64_t size) {
  CLV_CHECK(event < size);
  std::vector<Span> spans;
  for (Span node{0, size}; node.end - node.begin > 1;) {
    const std::uint64_t middle = node.begin + left_half(node.end - node.begin);
    const Span left{node.begin, middle};
    const Span right{middle, node.end};
    spans.push_back(event < middle ? right : left);
    node = event < middle ? left : right;
  }
  std::ranges::reverse(spans);  // the path goes from the leaf up
  return spans;
}

std::vector<Span> consistency_spans(std::uint64_t since, std::uint64_t size) {
  CLV_CHECK(since > 0 && since <= size);
  std::vector<Span> spans;
  add_subproof(since, {0, size}, true, spans);
  return spans;
}

std::vector<Span> range_spans(Span range, std::uint64_t size) {
  CLV_CHECK(range.begin < range.end && range.end <= size);
  std::vector<Span> spans;
  const auto is_outside = [&](Span node) { return node.end <= range.begin || node.begin >= range.end; };
  const auto is_done = [&](Span node) {
    return is_outside(node) || (node.begin >= range.begin && node.end <= range.end);
  };
  descend({0, size}, is_done, [&](Span node) {
    if (is_outside(node)) spans.push_back(node);
  });
  return spans;
}

Result<crypto::Sha256Digest> root_of(std::uint64_t size, std::vector<Node> nodes) {
  if (size == 0) return invalid("an empty tree proves nothing");
  Cover cover(std::move(nodes));
  const crypto::Sha256Digest root = CLV_TRY(cover.root({0, size}));
  if (!cover.is_used_up()) return invalid("nodes that do not make up a tree");
  return root;
}

std::string format_proof(const InclusionProof& proof) {
  return text_of(fmt::format("{}\nindex {}\n", kInclusionTitle, proof.event), proof.hashes, proof.checkpoint);
}

std::string format_proof(const ConsistencyProof& proof) {
  return text_of(fmt::format("{}\nsince {}\n", kConsistencyTitle, proof.since), proof.hashes,
                 proof.checkpoint);
}

std::string format_proof(const RangeProof& proof) {
  return text_of(fmt::format("{}\nfirst {}\nend {}\n", kRangeTitle, proof.events.begin, proof.events.end),
                 proof.hashes, proof.checkpoint);
}

Result<InclusionProof> parse_inclusion_proof(std::string_view text) {
  if (!is_text_size(text)) return invalid("a proof is too long");
  CLV_TRY_VOID(take_title(text, kInclusionTitle));
  CLV_TRY_VOID(skip_extra(text));
  InclusionProof proof;
  proof.event = CLV_TRY(take_named(text, "index"));
  proof.hashes = CLV_TRY(take_hashes(text));
  proof.checkpoint = CLV_TRY(take_checkpoint(text));
  return proof;
}

Result<ConsistencyProof> parse_consistency_proof(std::string_view text) {
  if (!is_text_size(text)) return invalid("a proof is too long");
  CLV_TRY_VOID(take_title(text, kConsistencyTitle));
  ConsistencyProof proof;
  proof.since = CLV_TRY(take_named(text, "since"));
  proof.hashes = CLV_TRY(take_hashes(text));
  proof.checkpoint = CLV_TRY(take_checkpoint(text));
  return proof;
}

Result<RangeProof> parse_range_proof(std::string_view text) {
  if (!is_text_size(text)) return invalid("a proof is too long");
  CLV_TRY_VOID(take_title(text, kRangeTitle));
  RangeProof proof;
  proof.events.begin = CLV_TRY(take_named(text, "first"));
  proof.events.end = CLV_TRY(take_named(text, "end"));
  proof.hashes = CLV_TRY(take_hashes(text));
  proof.checkpoint = CLV_TRY(take_checkpoint(text));
  return proof;
}

Result<void> check_inclusion(const InclusionProof& proof, std::string_view line,
                             const Checkpoint& checkpoint) {
  if (proof.event >= checkpoint.size) return invalid("the proof's checkpoint does not reach to its event");
  auto nodes = CLV_TRY(nodes_of(inclusion_spans(proof.event, checkpoint.size), proof.hashes));
  nodes.push_back({{proof.event, proof.event + 1}, crypto::merkle_leaf(line)});
  if (CLV_TRY(root_of(checkpoint.size, std::move(nodes))) != checkpoint.root)
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            fmt::format("event {} of the log is not this one", proof.event));
  return ok();
}

Result<void> check_consistency(const ConsistencyProof& proof, const Checkpoint& since,
                               const Checkpoint& checkpoint) {
  if (proof.since != since.size) return invalid("a proof for a checkpoint of another size");
  if (since.size > checkpoint.size) return invalid("a proof that goes back in the log");
  // What is empty is the beginning of every log.
  if (since.size == 0) return proof.hashes.empty() ? ok() : invalid("a proof has more hashes than it takes");
  auto nodes = CLV_TRY(nodes_of(consistency_spans(since.size, checkpoint.size), proof.hashes));
  // A perfect tree is a node of the later one, and left out of the proof; so is all of it when nothing came after.
  if (since.size == checkpoint.size || std::has_single_bit(since.size))
    nodes.push_back({{0, since.size}, since.root});
  std::vector<Node> old;
  std::ranges::copy_if(nodes, std::back_inserter(old),
                       [&](const Node& node) { return node.span.end <= since.size; });
  if (CLV_TRY(root_of(since.size, std::move(old))) != since.root)
    return invalid("the proof is not one for the earlier checkpoint");
  if (CLV_TRY(root_of(checkpoint.size, std::move(nodes))) != checkpoint.root)
    return invalid("the log does not go on from the earlier checkpoint: it was rewritten");
  return ok();
}

Result<RangeCheck> RangeCheck::begin(const RangeProof& proof, std::uint64_t size) {
  if (proof.events.begin >= proof.events.end || proof.events.end > size)
    return invalid("the proof's checkpoint does not reach to its events");
  const std::vector<Span> spans = range_spans(proof.events, size);
  auto nodes = CLV_TRY(nodes_of(spans, proof.hashes));
  // What lies left of the range are the perfect subtrees of a tree that ends where it begins.
  const auto left = static_cast<std::size_t>(std::popcount(proof.events.begin));
  CLV_CHECK(left <= nodes.size());
  auto tree =
      CLV_TRY(crypto::MerkleTree::from_frontier(proof.events.begin, std::span(proof.hashes).first(left)));
  nodes.erase(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(left));
  return RangeCheck(std::move(tree), std::move(nodes), size);
}

Result<crypto::Sha256Digest> RangeCheck::root() const {
  std::array<crypto::Sha256Digest, 64> frontier;
  const std::size_t count = tree_.frontier(frontier);
  const std::vector<Span> spans = frontier_spans(tree_.size());
  std::vector<Node> nodes = right_;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back({spans[i], frontier[i]});
  return root_of(size_, std::move(nodes));
}

ProofKind kind_of_proof(std::string_view text) noexcept {
  const std::string_view title = text.substr(0, text.find('\n'));
  if (title == kInclusionTitle) return ProofKind::kInclusion;
  if (title == kConsistencyTitle) return ProofKind::kConsistency;
  return title == kRangeTitle ? ProofKind::kRange : ProofKind::kNone;
}

}  // namespace claviger::audit
