// SPDX-License-Identifier: Apache-2.0
#include "audit/log_writer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "crypto/merkle.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;

// Of one lane in one round: short enough that no lane waits long for its turn, long enough for big writes.
constexpr std::size_t kTakeAtOnce = std::size_t{64} << 10;
// Of all lanes until the next write.
constexpr std::size_t kBatch = std::size_t{4} << 20;
constexpr auto kKeepHouseEvery = 1s;
constexpr auto kLookAtSpaceEvery = 1s;
// Of the reserve: so much more there has to be again before there is enough. Else calls would be let in and sent away by turns.
constexpr std::uint64_t kSpareParts = 8;

}  // namespace

LogWriter::LogWriter(Disk& disk, LogFiles files, LogKeys keys, const LogOptions& options, Signer& signer,
                     Pressure& pressure, const Clock& clock)
    : disk_(disk),
      files_(std::move(files)),
      keys_(std::move(keys)),
      options_(options),
      signer_(&signer),
      pressure_(pressure),
      clock_(clock),
      leaves_written_(files_.tree.size() - files_.segment.first_event),
      uncheckpointed_at_(std::chrono::steady_clock::now()),
      has_uncheckpointed_(files_.tree.size() > files_.checkpointed),
      own_(pressure, options.lane_bytes),
      retention_(disk, options_, clock),
      segment_began_(files_.segment_began),
      segment_seen_(uncheckpointed_at_),
      size_(files_.tree.size()),
      checkpointed_(files_.checkpointed) {
  look_at_space(segment_seen_);
  publish();
}

Result<bool> LogWriter::turn(std::span<LaneQueue* const> lanes, Time now) {
  // What waits in the lanes waits whether or not this turn gets to it.
  for (const LaneQueue* lane : lanes)
    if (lane->has_events()) pressure_.waits();
  const bool was_failing = std::exchange(is_failing_, true);
  if (was_failing || now >= look_at_space_at_) look_at_space(now);
  // Nothing more is taken while something could not be written: lanes have a limit, this has none.
  const bool was_busy = was_failing || take(lanes, now);
  // So does what came since they were looked at, and is in no lane any more.
  if (!pieces_.empty()) pressure_.waits();
  CLV_TRY_VOID(write());
  const bool is_due = is_sync_due(now);
  const bool is_hurried = std::ranges::any_of(lanes, &LaneQueue::is_hurried);
  is_gathering_ = is_hurried && !is_due && !was_failing && gathering_.goes_on(now, back_);
  if (is_due || (is_hurried && !is_gathering_)) CLV_TRY_VOID(sync());
  if (is_checkpoint_due(now)) CLV_TRY_VOID(checkpoint());
  CLV_TRY_VOID(keep_house(now));
  CLV_TRY_VOID(rotate_key(now));
  is_failing_ = false;
  return was_busy || is_keeping_house();
}

Result<void> LogWriter::finish(std::span<LaneQueue* const> lanes, Time now) {
  CLV_TRY_VOID(undo_rotation(now));
  do {
    CLV_TRY_VOID(write());
  } while (take(lanes, now));
  return checkpoint();
}

// Round over the lanes until they are empty or there is enough. True when there was anything.
bool LogWriter::take(std::span<LaneQueue* const> lanes, Time now) {
  const std::uint64_t before = taken_bytes_;
  const std::size_t begun = begun_;
  for (bool more = true; more && taken_bytes_ - before < kBatch;) {
    more = false;
    for (LaneQueue* lane : lanes) more |= take_piece(*lane);
  }
  if (taken_bytes_ == before) return false;
  noticed(before, now);
  if (!gathering_.is_just_over(now)) back_ += begun_ - begun;
  return true;
}

bool LogWriter::take_piece(LaneQueue& lane) {
  const auto piece = lane.take(kTakeAtOnce);
  if (!piece) return false;
  note_calls(*piece);
  add_leaves(*piece);
  for (std::uint32_t i = 0; i < piece->events; ++i) files_.outbox = std::max(files_.outbox, piece->outbox(i));
  taken_bytes_ += piece->text.size();
  pieces_.push_back(*piece);
  return true;
}

void LogWriter::add_leaves(const LaneQueue::Piece& piece) {
  for (std::uint32_t i = 0; i < piece.events; ++i) {
    leaves_.push_back(crypto::merkle_leaf(piece.line(i)));
    files_.tree.append(leaves_.back());
  }
}

// Something was taken, where so many bytes had been taken before.
void LogWriter::noticed(std::uint64_t before, Time now) {
  if (before == 0) taken_at_ = now;
  if (!std::exchange(has_uncheckpointed_, true)) uncheckpointed_at_ = now;
  if (segment_began_) return;
  segment_began_ = clock_.wall();
  segment_seen_ = now;
}

// Before the piece is counted as taken.
void LogWriter::note_calls(const LaneQueue::Piece& piece) {
  const std::uint64_t event = files_.tree.size();
  const std::uint64_t offset = files_.segment.text_bytes + taken_bytes_;
  for (std::uint32_t i = 0; i < piece.events; ++i) {
    const CallMark mark = piece.mark(i);
    if (mark.kind == CallMark::Kind::kNone) continue;
    if (mark.kind == CallMark::Kind::kStarted) ++begun_;
    open_calls_.note(*piece.lane, mark, {event + i, files_.segment.first_event, offset + piece.begin(i)});
  }
}

Result<void> LogWriter::write() {
  if (written_pieces_ == pieces_.size()) return ok();
  parts_.clear();
  for (const auto& piece : std::span(pieces_).subspan(written_pieces_))
    if (!piece.text.empty()) parts_.push_back(piece.text);
  const std::uint64_t at = files_.segment.text_bytes + written_bytes_;
  const auto written = files_.segment.text->write(at, parts_);
  if (!written.has_value()) {
    // No torn line is left for readers; should the cut fail as well, the next attempt writes over it.
    (void)files_.segment.text->truncate(at);
    return written;
  }
  written_pieces_ = pieces_.size();
  written_bytes_ = taken_bytes_;
  return ok();
}

// A sync that failed may have thrown away what it could not write, and the next one would not mention it: so everything
// since the last good one counts as not written.
Result<void> LogWriter::sync() {
  CLV_TRY_VOID(write());
  if (taken_bytes_ == 0) return ok();
  DiskFile& text = *files_.segment.text;
  const Time began = std::chrono::steady_clock::now();
  auto synced = text.sync();
  const auto took = std::chrono::steady_clock::now() - began;
  if (synced.has_value()) synced = text.check_in_place(files_.segment.text_bytes + written_bytes_);
  if (!synced.has_value()) {
    written_pieces_ = 0;
    written_bytes_ = 0;
    return synced;
  }
  files_.segment.text_bytes += written_bytes_;
  written_bytes_ = taken_bytes_ = 0;
  for (const auto& piece : pieces_) piece.lane->durable(piece);
  size_.store(files_.tree.size(), std::memory_order_relaxed);
  pressure_.settled();
  for (const auto& piece : pieces_) piece.lane->tell();
  pieces_.clear();
  written_pieces_ = 0;
  gathering_.synced(took, std::chrono::steady_clock::now(), std::exchange(begun_, 0));
  back_ = 0;
  return ok();
}

bool LogWriter::is_sync_due(Time now) const noexcept {
  if (taken_bytes_ == 0) return false;
  return now - taken_at_ >= options_.window / 2 || taken_bytes_ >= options_.lane_bytes / 2;
}

bool LogWriter::is_checkpoint_due(Time now) const noexcept {
  if (state_due_) return true;
  return has_uncheckpointed_ && (now - uncheckpointed_at_ >= options_.checkpoint_interval ||
                                 files_.tree.size() - files_.checkpointed >= options_.checkpoint_events);
}

// The text first, then the leaves, then the checkpoint that speaks of both, then the state that speaks of it: each
// synced before the next.
Result<void> LogWriter::checkpoint() {
  CLV_TRY_VOID(sync());
  if (files_.checkpointed != files_.tree.size()) {
    CLV_TRY_VOID(write_leaves());
    CLV_TRY_VOID(write_checkpoint());
    publish();
  }
  has_uncheckpointed_ = false;
  return write_state();
}

Result<void> LogWriter::write_leaves() {
  const std::uint64_t at = leaves_written_ * sizeof(crypto::Sha256Digest);
  const std::string_view part(reinterpret_cast<const char*>(leaves_.data()),
                              leaves_.size() * sizeof(crypto::Sha256Digest));
  DiskFile& file = *files_.segment.leaves;
  CLV_TRY_VOID(file.write(at, {&part, 1}));
  CLV_TRY_VOID(file.sync());
  CLV_TRY_VOID(file.check_in_place(at + part.size()));
  leaves_written_ += leaves_.size();
  leaves_.clear();
  return ok();
}

Result<void> LogWriter::write_checkpoint() {
  const std::string note =
      sign_checkpoint({files_.tree.size(), files_.tree.root()}, keys_.current(), *signer_) + "\n";
  const std::string_view part = note;
  DiskFile& file = *files_.segment.checkpoints;
  const std::uint64_t at = files_.segment.checkpoint_bytes;
  auto done = file.write(at, {&part, 1});
  if (done.has_value()) done = file.sync();
  if (done.has_value()) done = file.check_in_place(at + note.size());
  if (!done.has_value()) {
    (void)file.truncate(at);
    return done;
  }
  files_.segment.checkpoint_bytes += note.size();
  files_.checkpointed = files_.tree.size();
  checkpointed_.store(files_.checkpointed, std::memory_order_relaxed);
  state_due_ = true;
  return ok();
}

Result<void> LogWriter::write_state() {
  if (!state_due_) return ok();
  const SavedState state{.tree = files_.tree,
                         .segment = files_.segment.first_event,
                         .bytes = files_.segment.text_bytes,
                         .outbox = files_.outbox,
                         .oldest_open = open_calls_.oldest()};
  CLV_TRY_VOID(disk_.replace(kState, sign_state(state, keys_.current(), *signer_)));
  state_due_ = false;
  return ok();
}

// --- space

void LogWriter::look_at_space(Time now) {
  look_at_space_at_ = now + kLookAtSpaceEvery;
  const auto free = disk_.free_bytes();
  if (!free.has_value()) return;  // whatever is wrong, writing will say it
  free_bytes_.store(*free, std::memory_order_relaxed);
  const std::uint64_t reserve = options_.reserve_bytes;
  is_low_on_space_ = *free < (is_low_on_space_ ? reserve + reserve / kSpareParts : reserve);
  pressure_.set_low_on_space(is_low_on_space_);
}

// --- segments

// What fails in here and stops nothing is tried again a while later; what is returned is that the log cannot be written.
Result<void> LogWriter::keep_house(Time now) {
  const bool is_urgent = (upkeep_failure_.empty() && is_segment_full()) || is_keeping_house();
  if (now < keep_house_at_ && !is_urgent) return ok();
  keep_house_at_ = now + kKeepHouseEvery;
  upkeep_failure_.clear();
  if (is_segment_full() || is_segment_old(now)) CLV_TRY_VOID(rotate(now));
  return prune(now);
}

bool LogWriter::went_well(const Result<void>& done) {
  if (!done.has_value()) upkeep_failure_ = done.error().what();
  return done.has_value();
}

bool LogWriter::is_segment_full() const noexcept {
  return files_.segment.text_bytes >= options_.segment_bytes;
}

// By whichever clock says so first: a wall clock that was set back keeps no segment from ending.
bool LogWriter::is_segment_old(Time now) const noexcept {
  return segment_began_ && (clock_.wall() - *segment_began_ >= options_.segment_age ||
                            now - segment_seen_ >= options_.segment_age);
}

// A segment ends at a checkpoint of its last event.
Result<void> LogWriter::rotate(Time now) {
  CLV_TRY_VOID(checkpoint());
  if (files_.tree.size() == files_.segment.first_event) return ok();
  is_next_half_made_ = true;
  auto next = make_segment(disk_, files_.tree.size());
  if (!next.has_value()) {
    upkeep_failure_ = next.error().what();
    return undo_rotation(now);
  }
  is_next_half_made_ = false;
  files_.closed.push_back({files_.segment.first_event, files_.segment.bytes(leaves_written_)});
  files_.segment = std::move(*next);
  leaves_written_ = 0;
  segment_began_.reset();
  segment_seen_ = now;
  state_due_ = true;
  publish();
  return ok();
}

// Should a text be left that begins with the next event, that event must not get into the segment before.
Result<void> LogWriter::undo_rotation(Time now) {
  if (!is_next_half_made_) return ok();
  keep_house_at_ = Time();  // at once, until it is done
  CLV_TRY_VOID(unmake_segment(disk_, files_.tree.size()));
  keep_house_at_ = now + kKeepHouseEvery;
  is_next_half_made_ = false;
  return ok();
}

// --- retention

// What is told of and not carried out is forgotten in a crash, and decided again: the text that tells of it could be anybody's.
Result<void> LogWriter::prune(Time now) {
  if (!pending_) {
    const auto decision = retention_.turn(files_, keys_, now);
    if (!decision.has_value()) {
      upkeep_failure_ = decision.error().what();
      return ok();
    }
    if (!*decision) return ok();
    tell((*decision)->event, now, files_.outbox);
    pending_ = PendingPrune{(*decision)->tree, files_.tree.size()};
  }
  if (files_.checkpointed < pending_->needs_size) CLV_TRY_VOID(checkpoint());
  (void)went_well(carry_out());
  return ok();
}

// It is in the log, and checkpointed. A segment in each turn: to remove large files takes a while, and calls wait for the writer.
// What is not reached before the end, the next opening removes.
Result<void> LogWriter::carry_out() {
  const crypto::MerkleTree& gone = pending_->tree;
  if (files_.pruned.size() != gone.size()) {
    CLV_TRY_VOID(disk_.replace(kPruned, sign_pruned(gone, keys_.current(), *signer_)));
    files_.pruned = gone;
  }
  auto& closed = files_.closed;
  CLV_TRY_VOID(
      remove_segments_before(disk_, closed.size() > 1 ? closed[1].first_event : files_.segment.first_event));
  closed.erase(closed.begin());
  publish();
  if (!closed.empty() && closed.front().first_event < gone.size()) return ok();
  pending_.reset();
  state_due_ = true;
  return ok();
}

// What others see of it.
void LogWriter::publish() noexcept {
  first_event_.store(files_.pruned.size(), std::memory_order_relaxed);
  segments_.store(files_.closed.size() + 1, std::memory_order_relaxed);
  bytes_.store(files_.bytes(), std::memory_order_relaxed);
}

}  // namespace claviger::audit
