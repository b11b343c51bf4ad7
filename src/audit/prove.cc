// SPDX-License-Identifier: Apache-2.0
#include "audit/prove.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <utility>

#include "audit/line.h"
#include "audit/reader.h"
#include "base/check.h"

namespace claviger::audit {
namespace {

constexpr std::size_t kMostFound = 1000;

Error not_there(std::string what) {
  return Error::formatted(Code::kNotFound, Blame::kOperator, std::move(what));
}

// What begins with the node's first event, of what is left of those that were pruned; an empty tree for a node of which
// nothing was. Nothing when it begins inside of what has one root only.
std::optional<crypto::MerkleTree> pruned_part(const crypto::MerkleTree& pruned, Span node) {
  if (node.begin >= pruned.size()) return crypto::MerkleTree();
  std::array<crypto::Sha256Digest, 64> frontier;
  const std::size_t count = pruned.frontier(frontier);
  const std::vector<Span> spans = frontier_spans(pruned.size());
  std::size_t first = 0;
  while (first < count && spans[first].begin < node.begin) ++first;
  std::size_t end = first;
  while (end < count && spans[end].end <= node.end) ++end;
  const bool fits = first < count && spans[first].begin == node.begin && end > first &&
                    (end == count || spans[end - 1].end == node.end);
  if (!fits) return std::nullopt;
  auto tree = crypto::MerkleTree::from_frontier(spans[end - 1].end - node.begin,
                                                std::span(frontier).subspan(first, end - first));
  return tree.has_value() ? std::optional(*tree) : std::nullopt;
}

Error pruned_error(const LogView& view) {
  return not_there(
      fmt::format("it would take hashes of events that were pruned: the log keeps events from {} on",
                  view.first_event()));
}

// Reading the log's directory a second time may find that it was pruned or goes on: both do no harm here.
Result<std::string> read_event(const std::string& directory, std::uint64_t event) {
  const LogPlace place = CLV_TRY(find_event(directory, event));
  LogPiece piece = CLV_TRY(read_lines_from(directory, place, 1));
  const std::size_t end = piece.lines.find('\n');
  if (end == std::string::npos) return not_there(fmt::format("there is no event {} in the log", event));
  piece.lines.resize(end);
  return std::move(piece.lines);
}

Result<void> append_leaves(LeafReader& leaves, std::uint64_t event, std::uint64_t end,
                           crypto::MerkleTree& tree) {
  for (; event < end; ++event) tree.append(CLV_TRY(leaves.at(event)));
  return ok();
}

Error contradiction(const Error& error) {
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      fmt::format("the log is not the one that its last checkpoint vouches for ({}): run `claviger "
                  "audit verify` to see where it was altered",
                  error.what()));
}

}  // namespace

Result<void> LeafReader::open_segment_of(std::uint64_t event) {
  if (files_ && event < view_.segment_end(index_)) return ok();
  while (event >= view_.segment_end(index_)) ++index_;
  lines_.reset();
  files_.emplace(CLV_TRY(view_.open_segment(index_)));
  return ok();
}

Result<crypto::Sha256Digest> LeafReader::at(std::uint64_t event) {
  CLV_CHECK(event >= view_.first_event());
  CLV_TRY_VOID(open_segment_of(event));
  const auto leaf = CLV_TRY(files_->leaves.at(event - view_.segments()[index_].first_event));
  return leaf ? *leaf : from_text(event);
}

Result<crypto::Sha256Digest> LeafReader::from_text(std::uint64_t event) {
  if (!lines_) {
    const ReadOnlyFile& text = files_->text;
    lines_.emplace([&text](std::uint64_t offset, std::span<char> into) { return text.read(offset, into); },
                   0);
    next_line_ = view_.segments()[index_].first_event;
  }
  for (;;) {
    const auto line = CLV_TRY(lines_->next());
    if (!line || line->kind != LineScanner::Line::Kind::kWhole)
      return Error::formatted(Code::kInvalid, Blame::kOperator,
                              fmt::format("{} ends before event {}", view_.segments()[index_].name, event));
    if (next_line_++ == event) return crypto::merkle_leaf(line->text);
  }
}

Result<std::vector<crypto::Sha256Digest>> hash_nodes(LogView& view, const std::vector<Span>& spans) {
  std::vector<std::size_t> order(spans.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return spans[i].begin; });
  std::vector<crypto::Sha256Digest> hashes(spans.size());
  LeafReader leaves(view);
  for (const std::size_t i : order) {
    auto tree = pruned_part(view.pruned(), spans[i]);
    if (!tree) return pruned_error(view);
    CLV_TRY_VOID(append_leaves(leaves, spans[i].begin + tree->size(), spans[i].end, *tree));
    hashes[i] = tree->root();
  }
  return hashes;
}

Result<NewestCheckpoint> find_newest_checkpoint(const LogView& view) {
  std::string last;
  for (std::size_t i = view.segments().size(); i-- > 0 && last.empty();) {
    NoteStream notes(CLV_TRY(open_checkpoints(view.directory(), view.segments()[i].first_event)));
    for (auto note = CLV_TRY(notes.next()); !note.empty(); note = CLV_TRY(notes.next())) last = note;
  }
  if (last.empty()) return not_there("there is no checkpoint yet: one is signed soon after the first event");
  const auto checkpoint = open_checkpoint_of(last, view.keys());
  if (!checkpoint.has_value()) return checkpoint.error().within("the log's last checkpoint");
  return NewestCheckpoint{*checkpoint, std::move(last)};
}

Result<ProvenEvent> prove_event(const std::string& directory, std::uint64_t event) {
  const LogView earlier = CLV_TRY(LogView::open(directory));
  NewestCheckpoint last = CLV_TRY(find_newest_checkpoint(earlier));
  LogView view = CLV_TRY(LogView::open(directory));  // later: it has all that the checkpoint covers
  if (event < view.first_event())
    return not_there(
        fmt::format("event {} was pruned: the log keeps events from {} on", event, view.first_event()));
  if (event >= last.checkpoint.size)
    return not_there(fmt::format("no checkpoint covers event {} yet: the last one is of {} events", event,
                                 last.checkpoint.size));
  ProvenEvent proven{.proof = {event, {}, std::move(last.note)},
                     .line = CLV_TRY(read_event(directory, event))};
  proven.proof.hashes = CLV_TRY(hash_nodes(view, inclusion_spans(event, last.checkpoint.size)));
  const auto checked = check_inclusion(proven.proof, proven.line, last.checkpoint);
  if (!checked.has_value()) return contradiction(checked.error());
  return proven;
}

Result<ConsistencyProof> prove_consistency(const std::string& directory, const std::string& since_file) {
  const LogView earlier = CLV_TRY(LogView::open(directory));
  NewestCheckpoint last = CLV_TRY(find_newest_checkpoint(earlier));
  LogView view = CLV_TRY(LogView::open(directory));
  const Checkpoint since = CLV_TRY(read_saved_checkpoint(since_file, view.keys()));
  if (since.size > last.checkpoint.size)
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            fmt::format("the log is cut short: its last checkpoint is of {} events, {} of {}",
                                        last.checkpoint.size, since_file, since.size));
  ConsistencyProof proof{since.size, {}, std::move(last.note)};
  if (since.size > 0)
    proof.hashes = CLV_TRY(hash_nodes(view, consistency_spans(since.size, last.checkpoint.size)));
  const auto checked = check_consistency(proof, since, last.checkpoint);
  if (!checked.has_value()) return contradiction(checked.error());
  return proof;
}

Result<std::vector<FoundEvent>> find_request(const std::string& directory, std::string_view request_id) {
  LogView view = CLV_TRY(LogView::open(directory));
  // Inside a string the quotes would be escaped.
  const std::string member = fmt::format(R"("request_id":"{}")", request_id);
  std::vector<FoundEvent> found;
  for (std::size_t i = 0; i < view.segments().size(); ++i) {
    const OpenSegment files = CLV_TRY(view.open_segment(i));
    LineScanner lines(
        [&files](std::uint64_t offset, std::span<char> into) { return files.text.read(offset, into); }, 0);
    for (std::uint64_t number = view.segments()[i].first_event;; ++number) {
      const auto line = CLV_TRY(lines.next());
      if (!line || line->kind != LineScanner::Line::Kind::kWhole) break;
      if (::memmem(line->text.data(), line->text.size(), member.data(), member.size()) == nullptr) continue;
      if (found.size() < kMostFound) found.push_back({number, std::string(leading_type(line->text))});
    }
  }
  return found;
}

}  // namespace claviger::audit
