// SPDX-License-Identifier: Apache-2.0
#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "audit/key_chain.h"
#include "audit/line.h"
#include "audit/log_files.h"
#include "audit/log_view.h"
#include "audit/prove.h"
#include "audit/pruned.h"
#include "audit/wrong_line.h"
#include "crypto/merkle.h"

namespace claviger::audit {
namespace {

constexpr std::uint64_t kProgressEvery = std::uint64_t{16} << 20;
constexpr int kMostTries = 5;  // to read a log that is pruned meanwhile

Error wrong(std::string what) { return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what)); }

// Few events do; all others are passed over by their type.
bool is_about_the_log(std::string_view line) noexcept { return leading_type(line).starts_with("audit."); }

bool is_same_tree(const crypto::MerkleTree& a, const crypto::MerkleTree& b) noexcept {
  std::array<crypto::Sha256Digest, 64> of_a, of_b;
  return a.size() == b.size() &&
         std::ranges::equal(std::span(of_a).first(a.frontier(of_a)), std::span(of_b).first(b.frontier(of_b)));
}

struct NextCheckpoint {
  Checkpoint checkpoint;
  std::uint64_t number = 0;  // of those that are kept: 1, 2, ...
  std::string note;
};

class Verifier {
 public:
  Verifier(const VerifyOptions& options, LogView& view, std::optional<Checkpoint> against,
           std::string against_note)
      : options_(options),
        view_(view),
        against_(against),
        against_note_(std::move(against_note)),
        keys_(view.keys(), view.first_event() > 0),
        tree_(view.pruned()),
        compared_(view.first_event()) {
    report_.first_event = view.first_event();
    report_.segments = view.segments().size();
    report_.key_was_given = !options.key.empty();
    report_.has_leaves = true;
  }

  Result<VerifyReport> run() {
    for (std::size_t i = 0; i < view_.segments().size(); ++i) CLV_TRY_VOID(read_segment(i));
    CLV_TRY_VOID(check_end());
    CLV_TRY_VOID(check_pruned());
    CLV_TRY_VOID(check_keys());
    return std::move(report_);
  }

 private:
  const Segment& segment() const { return view_.segments()[index_]; }
  bool is_last_segment() const { return index_ + 1 == view_.segments().size(); }

  Result<void> read_segment(std::size_t index) {
    index_ = index;
    if (tree_.size() != segment().first_event)
      return wrong(
          fmt::format("{} does not begin with event {}, which is the next", segment().name, tree_.size()));
    files_.emplace(CLV_TRY(view_.open_segment(index)));
    if (files_->leaves.count() == 0 && files_->text.size() > 0) report_.has_leaves = false;
    CLV_TRY_VOID(advance());
    CLV_TRY_VOID(compare());
    CLV_TRY_VOID(read_lines());
    return is_last_segment() ? ok() : check_segment_end();
  }

  Result<void> read_lines() {
    const ReadOnlyFile& text = files_->text;
    LineScanner lines([&text](std::uint64_t offset, std::span<char> into) { return text.read(offset, into); },
                      0);
    TextPlace place{segment().name, segment().first_event, 0};
    while (const auto line = CLV_TRY(lines.next())) {
      ++place.line;
      if (line->kind == LineScanner::Line::Kind::kTorn && is_last_segment() && is_beyond_checkpoints()) {
        report_.unfinished_bytes = line->text.size();
        return ok();
      }
      CLV_TRY_VOID(read_line(place, *line, lines));
      if (is_compared_at(tree_.size())) CLV_TRY_VOID(compare());
      show_progress(line->text.size() + 1);
    }
    return ok();
  }

  void show_progress(std::uint64_t bytes) {
    report_.bytes += bytes;
    if (!options_.progress || report_.bytes / kProgressEvery == progressed_) return;
    progressed_ = report_.bytes / kProgressEvery;
    options_.progress(report_.bytes, view_.bytes());
  }

  Result<void> read_line(const TextPlace& place, const LineScanner::Line& line, LineScanner& behind) {
    const crypto::Sha256Digest leaf = crypto::merkle_leaf(line.text);
    const auto expected = CLV_TRY(files_->leaves.at(place.line - 1));
    if (expected && *expected != leaf) CLV_TRY_VOID(differs(place, leaf, behind));
    if (line.kind == LineScanner::Line::Kind::kTorn)
      return wrong(place.text() + ": is cut off, and checkpoints vouch for it");
    if (line.kind == LineScanner::Line::Kind::kTooLong || !is_line(line.text))
      return wrong(place.text() + ": is no event");
    if (is_about_the_log(line.text)) take_note_of(line.text);
    tree_.append(leaf);
    return ok();
  }

  void take_note_of(std::string_view line) {
    keys_.pass(line, tree_.size());
    if (const auto rotated = find_key_rotated(line); rotated && rotated->from == keys_.current())
      announced_ = rotated->to;
    if (view_.first_event() == 0 || told_of_pruning_) return;
    const auto pruned = find_pruned_event(line);
    if (pruned && is_same_tree(pruned->tree, view_.pruned())) told_of_pruning_ = tree_.size();
  }

  // The line and its leaf say different things: a checkpoint says which of them is right.
  Result<void> differs(const TextPlace& place, const crypto::Sha256Digest& leaf, LineScanner& behind) {
    const bool leaves_are_right = CLV_TRY(are_vouched_for(place));
    if (leaves_are_right || !next_) {
      std::string what = CLV_TRY(name_wrong_line(place, leaf, behind, files_->leaves));
      if (!leaves_are_right) what += " (no checkpoint covers it; told by the hashes beside the log)";
      return wrong(std::move(what));
    }
    wrong_leaf_ = place.text();
    files_->leaves.forget();
    return ok();
  }

  // Whether the leaves, up to the next checkpoint, are those that it was made of.
  Result<bool> are_vouched_for(const TextPlace& place) {
    if (!next_) return false;
    crypto::MerkleTree tree = tree_;
    while (tree.size() < next_->checkpoint.size) {
      const auto leaf = CLV_TRY(files_->leaves.at(tree.size() - place.first_event));
      if (!leaf) return false;
      tree.append(*leaf);
    }
    return tree.root() == next_->checkpoint.root;
  }

  // No checkpoint that was read or is to come speaks of what comes next.
  bool is_beyond_checkpoints() const noexcept {
    return !next_ && (!against_ || against_->size <= tree_.size());
  }

  // To the next checkpoint of the segment.
  Result<void> advance() {
    next_.reset();
    const std::string_view note = CLV_TRY(files_->checkpoints.next());
    if (note.empty()) return check_rest_of_checkpoints();
    NextCheckpoint next{.checkpoint = {}, .number = ++report_.checkpoints, .note = std::string(note)};
    const auto checkpoint = keys_.open(note);
    if (!checkpoint.has_value())
      return wrong(fmt::format("checkpoint {}: {}", next.number, checkpoint.error().what()));
    next.checkpoint = *checkpoint;
    const auto bad = [&](std::string what) {
      return wrong(fmt::format("checkpoint {} (size {}): {}", next.number, checkpoint->size, what));
    };
    if (last_size_ && checkpoint->size <= *last_size_)
      return bad(fmt::format("comes behind one of size {}", *last_size_));
    if (checkpoint->size <= segment().first_event || checkpoint->size > view_.segment_end(index_))
      return bad(fmt::format("does not belong beside {}", segment().name));
    last_size_ = checkpoint->size;
    next_ = std::move(next);
    return ok();
  }

  // A note that is being written, or was when the power went, is passed over where the log ends.
  Result<void> check_rest_of_checkpoints() const {
    const std::string_view rest = files_->checkpoints.rest();
    const std::string origin = keys_.origin() + "\n";
    const bool is_unfinished = is_last_segment() && rest.size() < kMaxNote &&
                               rest.find('\0') == std::string_view::npos &&
                               rest.substr(0, origin.size()) == origin.substr(0, rest.size());
    if (rest.empty() || is_unfinished) return ok();
    return wrong(fmt::format("checkpoint {} is none: the checkpoints beside {} were altered",
                             report_.checkpoints + 1, segment().name));
  }

  bool is_compared_at(std::uint64_t size) const noexcept {
    return (next_ && next_->checkpoint.size == size) || (against_ && against_->size == size);
  }

  // With the checkpoints of just this size.
  Result<void> compare() {
    if (next_ && next_->checkpoint.size == tree_.size()) {
      if (next_->checkpoint.root != tree_.root()) return wrong(mismatch());
      if (!wrong_leaf_.empty())
        return wrong(
            fmt::format("{}: its hash in the file beside the log was changed; the log itself is as "
                        "checkpoint {} says",
                        wrong_leaf_, next_->number));
      compared_ = tree_.size();
      report_.last_checkpoint = std::move(next_->note);
      CLV_TRY_VOID(advance());
    }
    if (against_ && against_->size == tree_.size() && report_.against == 0) {
      if (against_->root != tree_.root())
        return wrong(fmt::format(
            "the first {} events are not those that {} vouches for: the log was rewritten and signed again",
            tree_.size(), options_.against));
      report_.against = tree_.size();
    }
    return ok();
  }

  std::string mismatch() const {
    const std::string whose = fmt::format("checkpoint {} (size {})", next_->number, next_->checkpoint.size);
    if (!wrong_leaf_.empty())
      return fmt::format("{}: was altered, and so was its hash in the file beside the log: {} does not match",
                         wrong_leaf_, whose);
    if (tree_.size() == compared_)
      return fmt::format("{} does not match: what is said to have been pruned is not what it vouches for",
                         whose);
    return fmt::format(
        "{} does not match: events {} to {} were altered{}", whose, compared_, tree_.size() - 1,
        files_->leaves.count() > 0 ? ", and their hashes in the file beside the log with them"
                                   : "; without the file of hashes beside the log it cannot be said which");
  }

  // A segment that another follows ends with a checkpoint, and has all its leaves or none.
  Result<void> check_segment_end() const {
    const std::uint64_t end = view_.segment_end(index_);
    const std::string& name = segment().name;
    if (tree_.size() < end)
      return wrong(fmt::format("{} is cut short: it ends with event {}, and the next begins with event {}",
                               name, tree_.size() - 1, end));
    if (tree_.size() > end)
      return wrong(fmt::format("{} has events of the next segment, which begins with event {}", name, end));
    if (compared_ != end)
      return wrong(
          fmt::format("{} does not end with a checkpoint: the one of size {} is missing", name, end));
    return check_leaves_end();
  }

  Result<void> check_leaves_end() const {
    if (files_->leaves.count() <= tree_.size() - segment().first_event) return ok();
    return wrong(fmt::format("the log is cut short: {} ends with event {}, and hashes of more lie beside it",
                             segment().name, tree_.size() - 1));
  }

  Result<void> check_end() {
    report_.events = tree_.size();
    report_.beyond_checkpoint = tree_.size() - compared_;
    const auto cut = [&](std::string_view whose, std::uint64_t size) {
      return wrong(fmt::format("the log is cut short: it has {} events, {} of size {} vouches for more",
                               tree_.size(), whose, size));
    };
    if (next_) return cut("the checkpoint", next_->checkpoint.size);
    if (against_ && against_->size > tree_.size())
      return cut(options_.against + ", a checkpoint", against_->size);
    if (view_.state_size() > compared_)
      return wrong(fmt::format("the checkpoint of size {} is missing", view_.state_size()));
    CLV_TRY_VOID(check_leaves_end());
    if (tree_.size() > view_.first_event() && report_.last_checkpoint.empty())
      return wrong(
          fmt::format("no checkpoint vouches for any of its {} events", tree_.size() - view_.first_event()));
    return ok();
  }

  // What is missing at the beginning has to be told of by what is there, under a checkpoint.
  Result<void> check_pruned() const {
    if (view_.first_event() == 0) return ok();
    if (!told_of_pruning_ || *told_of_pruning_ >= compared_)
      return wrong(
          fmt::format("{} says that the first {} events were pruned, and no event of the log says so",
                      kPruned, view_.first_event()));
    if (!keys_.has_signed(*view_.pruned_signer()))
      return wrong(fmt::format("{} is signed by {}, which signed nothing else of what is kept", kPruned,
                               view_.pruned_signer()->text()));
    return ok();
  }

  Result<void> check_keys() {
    const std::vector<VerifierKey> signers = keys_.signers();
    for (const VerifierKey& key : signers) report_.keys.push_back(key.text());
    if (!options_.key.empty() && !signers.empty() &&
        std::ranges::find(report_.keys, options_.key) == report_.keys.end())
      return wrong(fmt::format("the key that was given, {}, signed nothing of what is kept", options_.key));
    if (view_.has_key_file()) CLV_TRY_VOID(compare_keys(signers));
    if (against_ && !signers.empty()) {
      const auto opened = keys_.open_elsewhere(against_note_);
      if (!opened.has_value()) return opened.error().within(options_.against);
    }
    if (report_.keys.empty())
      for (const VerifierKey& key : view_.keys().keys()) report_.keys.push_back(key.text());
    return ok();
  }

  // The list beside the log with what the log itself says of its keys.
  Result<void> compare_keys(const std::vector<VerifierKey>& signers) const {
    const KeyChain now = CLV_TRY(view_.keys_now());
    for (const VerifierKey& key : signers)
      if (!now.has(key))
        return wrong(fmt::format("{} does not list {}, which signs the log", kKey, key.text()));
    if (signers.empty()) return ok();
    const auto listed = view_.keys().keys();
    const auto first = std::ranges::find(listed, signers.front());
    auto at = first;
    for (auto signer = signers.begin(); at != listed.end() && signer != signers.end(); ++at, ++signer)
      if (*at != *signer)
        return wrong(fmt::format("{} lists {}, which is not the log's next key", kKey, at->text()));
    // A key that was just announced has signed nothing yet.
    if (at != listed.end() && announced_ && *at == *announced_) ++at;
    if (at != listed.end())
      return wrong(fmt::format("{} lists {}, which the log knows nothing of", kKey, at->text()));
    return ok();
  }

  const VerifyOptions& options_;
  LogView& view_;
  const std::optional<Checkpoint> against_;
  const std::string against_note_;

  std::size_t index_ = 0;  // of the segment that is read
  std::optional<OpenSegment> files_;
  std::optional<NextCheckpoint> next_;  // of that segment
  std::optional<std::uint64_t> last_size_;
  KeyWalk keys_;
  std::optional<VerifierKey> announced_;

  crypto::MerkleTree tree_;
  std::uint64_t compared_;  // the last checkpoint's size that matched
  std::optional<std::uint64_t> told_of_pruning_;  // the event that says what was pruned
  std::string wrong_leaf_;  // the first place at which the leaves are known to be wrong
  std::uint64_t progressed_ = 0;
  VerifyReport report_;
};

Result<VerifyReport> verify(const VerifyOptions& options, LogView& view) {
  std::optional<Checkpoint> against;
  std::string note;
  if (!options.against.empty()) {
    against = CLV_TRY(read_saved_checkpoint(options.against, view.keys()));
    note = CLV_TRY(read_small_file(options.against, kMaxNote));
    if (note.ends_with("\n\n")) note.pop_back();
    if (against->size < view.first_event())
      return Error::formatted(
          Code::kNotFound, Blame::kOperator,
          fmt::format(
              "{} vouches for the first {} events, and the log was pruned up to event {}: compare with a "
              "checkpoint of at least that size",
              options.against, against->size, view.first_event()));
  }
  return Verifier(options, view, against, std::move(note)).run();
}

}  // namespace

Result<VerifyReport> verify_log(const VerifyOptions& options) {
  for (int tries = 1;; ++tries) {
    auto view = LogView::open(options.directory, options.key);
    const bool is_last_try = tries == kMostTries;
    if (!view.has_value() && is_last_try) return std::move(view).error();
    if (!view.has_value()) continue;  // a segment may have been pruned between two looks at the directory
    auto report = verify(options, *view);
    if (report.has_value() || is_last_try || !view->has_moved_on()) return report;
  }
}

}  // namespace claviger::audit
