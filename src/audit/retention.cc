// SPDX-License-Identifier: Apache-2.0
#include "audit/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/line.h"
#include "audit/log_replay.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSlice = 16384;  // leaves: a few milliseconds
// How long the clock has to go steadily before anything is too old; and what is steady.
constexpr std::chrono::microseconds kSettling = 10min;
constexpr std::chrono::microseconds kStep = 1min;
constexpr int kSettlingParts = 24;  // of a short retention
constexpr auto kLookAgain = 10min;  // at what is not what was checkpointed

}  // namespace

SegmentHasher::SegmentHasher(Disk& disk, crypto::MerkleTree from, std::vector<std::uint64_t> segments,
                             std::uint64_t end, bool from_text)
    : disk_(disk), tree_(std::move(from)), segments_(std::move(segments)), end_(end), from_text_(from_text) {}

std::uint64_t SegmentHasher::segment_end() const noexcept {
  return at_ < segments_.size() ? segments_[at_] : end_;
}

Result<bool> SegmentHasher::step() {
  if (tree_.size() == end_) return true;
  if (!file_ || tree_.size() == segment_end()) CLV_TRY_VOID(open_next());
  CLV_TRY_VOID(scanner_ ? take_lines() : take_leaves());
  return tree_.size() == end_;
}

Result<void> SegmentHasher::open_next() {
  const std::uint64_t first = segments_[at_++];
  scanner_.reset();
  offset_ = 0;
  file_ = CLV_TRY(disk_.open_file(leaves_name(first)));
  const bool has_leaves = CLV_TRY(file_->size()) == (segment_end() - first) * sizeof(crypto::Sha256Digest);
  if (has_leaves && !from_text_) return ok();
  file_ = CLV_TRY(disk_.open_file(segment_name(first)));
  scanner_.emplace(lines_of(*file_, 0));
  return ok();
}

Result<void> SegmentHasher::take_leaves() {
  std::vector<crypto::Sha256Digest> leaves(
      static_cast<std::size_t>(std::min<std::uint64_t>(kSlice, segment_end() - tree_.size())));
  const std::span<char> bytes(reinterpret_cast<char*>(leaves.data()),
                              leaves.size() * sizeof(crypto::Sha256Digest));
  if (CLV_TRY(file_->read(offset_, bytes)) != bytes.size())
    return Error(Code::kUnavailable, Blame::kOperator,
                 "the audit log's hashes were cut while they were read");
  offset_ += bytes.size();
  for (const crypto::Sha256Digest& leaf : leaves) tree_.append(leaf);
  return ok();
}

Result<void> SegmentHasher::take_lines() {
  for (std::size_t i = 0; i < kSlice && tree_.size() < segment_end(); ++i) {
    const auto line = CLV_TRY(scanner_->next());
    if (!line || line->kind != LineScanner::Line::Kind::kWhole)
      return altered_log(disk_, fmt::format("event {} is missing", tree_.size()));
    tree_.append(crypto::merkle_leaf(line->text));
  }
  return ok();
}

Result<std::optional<Retention::Decision>> Retention::turn(const LogFiles& files, const LogKeys& keys,
                                                           Time now) {
  if (altered_ && now < look_again_at_) return *altered_;
  altered_.reset();
  if (!work_) {
    Plan due = CLV_TRY(plan(files, now));
    if (due.segments.empty()) return std::optional<Decision>();
    begin(std::move(due), files, false);
  }
  auto decision = work(files, keys);
  if (!decision.has_value() && decision.error().code() == Code::kInvalid) {
    altered_ = decision.error();
    look_again_at_ = now + kLookAgain;
  }
  return decision;
}

// The next slice. Whatever goes wrong in it is begun anew the next time.
Result<std::optional<Retention::Decision>> Retention::work(const LogFiles& files, const LogKeys& keys) {
  Work work = std::move(*work_);
  work_.reset();
  if (!CLV_TRY(work.hasher.step())) {
    work_.emplace(std::move(work));
    return std::optional<Decision>();
  }
  const crypto::MerkleTree& tree = work.hasher.tree();
  const auto checked = check_boundary(disk_, files.closed, tree, keys);
  if (!checked.has_value() && checked.error().code() == Code::kInvalid && !work.from_text) {
    begin(std::move(work.plan), files, true);  // the leaves may be wrong, and the text right
    return std::optional<Decision>();
  }
  if (!checked.has_value()) return checked.error();
  return std::optional(Decision{
      tree, pruned_event(clock_.wall(), files.pruned.size(), work.plan.segments, tree, work.plan.reason)});
}

void Retention::begin(Plan plan, const LogFiles& files, bool from_text) {
  SegmentHasher hasher(disk_, files.pruned, plan.segments, plan.end, from_text);
  work_.emplace(Work{std::move(plan), std::move(hasher), from_text});
}

Result<Retention::Plan> Retention::plan(const LogFiles& files, Time now) {
  const std::size_t by_size = too_many(files);
  const std::size_t by_age = CLV_TRY(too_old(files, now));
  Plan plan{.reason = by_size > by_age ? PruneReason::kSize : PruneReason::kAge};
  const std::size_t count = std::min(std::max(by_size, by_age), kMostPruned);
  for (std::size_t i = 0; i < count; ++i) plan.segments.push_back(files.closed[i].first_event);
  plan.end = count < files.closed.size() ? files.closed[count].first_event : files.segment.first_event;
  return plan;
}

std::size_t Retention::too_many(const LogFiles& files) const noexcept {
  if (options_.retain_bytes == 0) return 0;
  std::uint64_t bytes = files.bytes();
  std::size_t count = 0;
  for (; count < files.closed.size() && bytes > options_.retain_bytes; ++count)
    bytes -= files.closed[count].bytes;
  return count;
}

Result<std::size_t> Retention::too_old(const LogFiles& files, Time now) {
  if (options_.retain_age == 0ms || !is_clock_steady(now)) return std::size_t{0};
  const WallTime oldest = clock_.wall() - options_.retain_age;
  for (std::size_t count = 0; count < std::min(files.closed.size(), kMostPruned); ++count) {
    const auto time = CLV_TRY(last_time(files.closed[count]));
    if (!time || *time >= oldest) return count;
  }
  return std::min(files.closed.size(), kMostPruned);
}

bool Retention::is_clock_steady(Time now) {
  const auto offset = std::chrono::duration_cast<std::chrono::microseconds>(clock_.wall().time_since_epoch() -
                                                                            now.time_since_epoch());
  if (clock_offset_.count() == INT64_MIN || std::chrono::abs(offset - clock_offset_) > kStep) {
    clock_offset_ = offset;
    steady_since_ = now;
  }
  return now - steady_since_ >=
         std::min<std::chrono::microseconds>(kSettling, options_.retain_age / kSettlingParts);
}

Result<std::optional<WallTime>> Retention::last_time(const ClosedSegment& segment) {
  if (last_time_ && last_time_->first == segment.first_event) return last_time_->second;
  const auto file = CLV_TRY(disk_.open_file(segment_name(segment.first_event)));
  const std::uint64_t size = CLV_TRY(file->size());
  std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(size, kMaxLine + 2)), '\0');
  text.resize(CLV_TRY(file->read(size - text.size(), text)));
  if (text.ends_with('\n')) text.pop_back();
  last_time_.emplace(segment.first_event, event_time(std::string_view(text).substr(text.rfind('\n') + 1)));
  return last_time_->second;
}

}  // namespace claviger::audit
