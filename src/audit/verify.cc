// SPDX-License-Identifier: Apache-2.0
#include "audit/verify.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "audit/line.h"
#include "audit/log_copy.h"
#include "audit/log_files.h"
#include "audit/wrong_line.h"
#include "crypto/merkle.h"

namespace claviger::audit {
namespace {

constexpr std::uint64_t kProgressEvery = std::uint64_t{16} << 20;

Error wrong(std::string what) { return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what)); }

Result<std::optional<ReadOnlyFile>> open_if_there(const std::string& path) {
  auto file = ReadOnlyFile::open(path);
  if (file.has_value()) return std::optional(std::move(*file));
  if (file.error().code() == Code::kNotFound) return std::optional<ReadOnlyFile>();
  return std::move(file).error();
}

class Verifier {
 public:
  Verifier(const VerifyOptions& options, VerifierKey key, std::vector<Segment> segments,
           Checkpoints checkpoints, std::optional<Checkpoint> against, std::uint64_t state_size)
      : options_(options),
        segments_(std::move(segments)),
        checkpoints_(std::move(checkpoints)),
        against_(against),
        state_size_(state_size) {
    report_.key = key.text();
    report_.key_was_given = !options.key.empty();
  }

  Result<VerifyReport> run() {
    CLV_TRY_VOID(open_segments());
    CLV_TRY_VOID(advance());
    CLV_TRY_VOID(compare());
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      if (tree_.size() != segments_[i].first_event)
        return wrong(fmt::format("{} does not begin with event {}, which is the next", segments_[i].name,
                                 tree_.size()));
      CLV_TRY_VOID(read_segment(i));
    }
    CLV_TRY_VOID(check_end());
    return std::move(report_);
  }

 private:
  // All are opened before any is read, so that a log in use is seen as it was at one moment: the text last, which has
  // everything that the others speak of.
  Result<void> open_segments() {
    for (const Segment& segment : segments_)
      leaves_.emplace_back(
          CLV_TRY(open_if_there(options_.directory + "/" + leaves_name(segment.first_event))));
    for (const Segment& segment : segments_) {
      texts_.push_back(CLV_TRY(ReadOnlyFile::open(options_.directory + "/" + segment.name)));
      total_bytes_ += texts_.back().size();
    }
    report_.has_leaves = !leaves_.empty() && leaves_[0].count() > 0;
    return ok();
  }

  Result<void> read_segment(std::size_t index) {
    const ReadOnlyFile& text = texts_[index];
    LineScanner lines([&text](std::uint64_t offset, std::span<char> into) { return text.read(offset, into); },
                      0);
    TextPlace place{segments_[index].name, segments_[index].first_event, 0};
    while (const auto line = CLV_TRY(lines.next())) {
      ++place.line;
      if (line->kind == LineScanner::Line::Kind::kTorn && index + 1 == segments_.size() &&
          is_beyond_checkpoints()) {
        report_.unfinished_bytes = line->text.size();
        return ok();
      }
      CLV_TRY_VOID(read_line(place, *line, lines, leaves_[index]));
      CLV_TRY_VOID(compare());
      report_.bytes += line->text.size() + 1;
      if (options_.progress && report_.bytes / kProgressEvery != progressed_)
        progressed_ = report_.bytes / kProgressEvery, options_.progress(report_.bytes, total_bytes_);
    }
    return ok();
  }

  Result<void> read_line(const TextPlace& place, const LineScanner::Line& line, LineScanner& behind,
                         Leaves& leaves) {
    const crypto::Sha256Digest leaf = crypto::merkle_leaf(line.text);
    const auto expected = CLV_TRY(leaves.at(place.line - 1));
    if (expected && *expected != leaf) CLV_TRY_VOID(differs(place, leaf, behind, leaves));
    if (line.kind == LineScanner::Line::Kind::kTorn)
      return wrong(place.text() + ": is cut off, and checkpoints vouch for it");
    if (line.kind == LineScanner::Line::Kind::kTooLong || !is_line(line.text))
      return wrong(place.text() + ": is no event");
    tree_.append(leaf);
    return ok();
  }

  // The line and its leaf say different things: a checkpoint says which of them is right.
  Result<void> differs(const TextPlace& place, const crypto::Sha256Digest& leaf, LineScanner& behind,
                       Leaves& leaves) {
    const bool leaves_are_right = CLV_TRY(are_vouched_for(leaves, place));
    if (leaves_are_right || !next_) {
      std::string what = CLV_TRY(name_wrong_line(place, leaf, behind, leaves));
      if (!leaves_are_right) what += " (no checkpoint covers it; told by the hashes beside the log)";
      return wrong(std::move(what));
    }
    wrong_leaf_ = place.text();
    leaves.forget();
    return ok();
  }

  // Whether the leaves, up to the next checkpoint, are those that it was made of.
  Result<bool> are_vouched_for(Leaves& leaves, const TextPlace& place) {
    if (!next_) return false;
    crypto::MerkleTree tree = tree_;
    while (tree.size() < next_->checkpoint.size) {
      const auto leaf = CLV_TRY(leaves.at(tree.size() - place.first_event));
      if (!leaf) return false;
      tree.append(*leaf);
    }
    return tree.root() == next_->checkpoint.root;
  }

  // No checkpoint that was read or is to come speaks of what comes next.
  bool is_beyond_checkpoints() const noexcept {
    return !next_ && (!against_ || against_->size <= tree_.size());
  }

  Result<void> advance() {
    next_ = CLV_TRY(checkpoints_.next());
    if (next_) ++report_.checkpoints;
    return ok();
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
    if (against_ && against_->size == tree_.size()) {
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
    return fmt::format(
        "{} does not match: events {} to {} were altered{}", whose, compared_, tree_.size() - 1,
        report_.has_leaves ? ", and their hashes in the file beside the log with them"
                           : "; without the file of hashes beside the log it cannot be said which");
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
    if (state_size_ > compared_)
      return wrong(fmt::format("the checkpoint of size {} is missing", state_size_));
    if (!leaves_.empty() && leaves_.back().count() > tree_.size() - segments_.back().first_event)
      return wrong(fmt::format("the log is cut short: it has {} events, and hashes of more lie beside it",
                               tree_.size()));
    if (tree_.size() > 0 && compared_ == 0 && report_.against == 0)
      return wrong(fmt::format("no checkpoint vouches for any of its {} events", tree_.size()));
    return ok();
  }

  const VerifyOptions& options_;
  const std::vector<Segment> segments_;
  std::vector<Leaves> leaves_;
  std::vector<ReadOnlyFile> texts_;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t progressed_ = 0;

  Checkpoints checkpoints_;
  std::optional<Checkpoints::Entry> next_;
  const std::optional<Checkpoint> against_;
  const std::uint64_t state_size_;

  crypto::MerkleTree tree_;
  std::uint64_t compared_ = 0;  // the last checkpoint's size that matched
  std::string wrong_leaf_;  // the first place at which the leaves are known to be wrong
  VerifyReport report_;
};

Result<VerifierKey> read_key(const VerifyOptions& options) {
  if (!options.key.empty()) {
    auto key = parse_verifier_key(options.key);
    return key.has_value() ? std::move(key) : Result<VerifierKey>(key.error().within("the key"));
  }
  const std::string path = options.directory + "/" + kKey;
  std::string text = CLV_TRY(read_small_file(path, kMaxNote));
  if (text.ends_with('\n')) text.pop_back();
  auto key = parse_verifier_key(text);
  return key.has_value() ? std::move(key) : Result<VerifierKey>(key.error().within(path));
}

Result<std::optional<Checkpoint>> read_against(const VerifyOptions& options, const VerifierKey& key) {
  if (options.against.empty()) return std::optional<Checkpoint>();
  std::string note = CLV_TRY(read_small_file(options.against, kMaxNote));
  if (note.ends_with("\n\n")) note.pop_back();  // as it stands in the file checkpoints
  const auto checkpoint = open_checkpoint(note, key);
  if (!checkpoint.has_value()) return checkpoint.error().within(options.against);
  return std::optional(*checkpoint);
}

// The size that the saved state speaks of. It is written behind the checkpoint of that size; 0 when there is none.
std::uint64_t read_state_size(const VerifyOptions& options, const VerifierKey& key) {
  const auto note = read_small_file(options.directory + "/" + kState, kMaxNote);
  if (!note.has_value()) return 0;
  const auto state = open_state(*note, key);
  return state.has_value() ? state->tree.size() : 0;
}

}  // namespace

Result<VerifyReport> verify_log(const VerifyOptions& options) {
  const VerifierKey key = CLV_TRY(read_key(options));
  const std::optional<Checkpoint> against = CLV_TRY(read_against(options, key));
  std::vector<Segment> segments = CLV_TRY(list_segments(options.directory));
  if (segments.empty())
    return Error::formatted(Code::kNotFound, Blame::kOperator,
                            "there is no audit log in " + options.directory);
  const std::uint64_t state_size = read_state_size(options, key);
  Checkpoints checkpoints(CLV_TRY(open_if_there(options.directory + "/" + kCheckpoints)), key);
  return Verifier(options, key, std::move(segments), std::move(checkpoints), against, state_size).run();
}

}  // namespace claviger::audit
