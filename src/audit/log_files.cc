// SPDX-License-Identifier: Apache-2.0
#include "audit/log_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "audit/line.h"
#include "audit/log_replay.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

constexpr std::size_t kDigits = 20;
constexpr std::string_view kTextSuffix = ".jsonl";

// The state when there is a good one.
Result<std::optional<SavedState>> read_state(Disk& disk, const LogKeys& keys) {
  const std::optional<std::string> note = CLV_TRY(disk.read(kState, kMaxNote));
  if (!note) return std::optional<SavedState>();
  const auto state =
      open_under(keys.recent(), [&](const VerifierKey& key) { return open_state(*note, key); });
  return state.has_value() ? std::optional(*state) : std::nullopt;
}

// What was pruned; an empty tree when nothing was.
Result<crypto::MerkleTree> read_pruned(Disk& disk, const LogKeys& keys) {
  const std::optional<std::string> note = CLV_TRY(disk.read(kPruned, kMaxNote));
  if (!note) return crypto::MerkleTree();
  const auto tree = open_under(keys.all(), [&](const VerifierKey& key) { return open_pruned(*note, key); });
  if (!tree.has_value())
    return altered_log(disk, fmt::format("the file {} cannot be trusted: {}", kPruned, tree.error().what()));
  return *tree;
}

// A log that is older than segments has its checkpoints in one file.
Result<void> adopt_checkpoints(Disk& disk) {
  if (!CLV_TRY(disk.has(kCheckpoints))) return ok();
  if (CLV_TRY(disk.has(checkpoints_name(0))))
    return altered_log(disk, fmt::format("it has both {} and {}", kCheckpoints, checkpoints_name(0)));
  return disk.rename(kCheckpoints, checkpoints_name(0));
}

// Whether it is that of one of a segment's files that are written with it.
bool is_name_in(std::uint64_t segment, std::string_view name) {
  return name == segment_name(segment) || name == leaves_name(segment) || name == checkpoints_name(segment);
}

// What lies in the directory, as far as it is kept.
struct Kept {
  std::vector<std::uint64_t> segments;  // their first events
  std::vector<ClosedSegment> closed;    // all but the last
};
Result<Kept> look_at_segments(Disk& disk, std::uint64_t pruned) {
  std::vector<ClosedSegment> all;
  const auto entries = CLV_TRY(disk.list());
  for (const Disk::Entry& entry : entries) {
    const auto first = segment_of(entry.name);
    if (first && *first >= pruned && entry.name == segment_name(*first)) all.push_back({*first, 0});
  }
  for (const Disk::Entry& entry : entries) {
    const auto first = segment_of(entry.name);
    if (!first || *first < pruned || !is_name_in(*first, entry.name)) continue;
    const auto segment = std::ranges::lower_bound(all, *first, {}, &ClosedSegment::first_event);
    if (segment != all.end() && segment->first_event == *first) segment->bytes += entry.size;
    // A crash leaves files of a segment without text, but nothing in them.
    else if (entry.size > 0) return altered_log(disk, segment_name(*first) + " is missing");
  }
  if (all.empty() && pruned == 0) all.push_back({});  // a new log
  if (all.empty() || all.front().first_event != pruned)
    return altered_log(disk, segment_name(pruned) + " is missing");
  Kept kept;
  for (const ClosedSegment& segment : all) kept.segments.push_back(segment.first_event);
  all.pop_back();
  kept.closed = std::move(all);
  return kept;
}

// The last checkpoint of the log, which is at the end of the segment before when there is none in the last one yet.
Result<Checkpoint> find_last_checkpoint(Disk& disk, const LastCheckpoint& own, const Kept& kept,
                                        const crypto::MerkleTree& pruned, const LogKeys& keys) {
  const std::uint64_t first = kept.segments.back();
  if (own.bytes > 0) {
    if (own.checkpoint.size > first) return own.checkpoint;
    return altered_log(disk, checkpoints_name(first) + " speaks of other segments");
  }
  if (kept.closed.empty()) return first == 0 ? Checkpoint{} : Checkpoint{first, pruned.root()};
  const auto file = CLV_TRY(disk.open_file(checkpoints_name(kept.closed.back().first_event)));
  const Checkpoint before = CLV_TRY(read_last_checkpoint(disk, *file, keys.recent())).checkpoint;
  if (before.size == first) return before;
  return altered_log(disk, fmt::format("the checkpoint of size {} is missing", first));
}

// Whether the text that the state was saved with is there.
Result<void> check_state(Disk& disk, const SavedState& state, const Kept& kept, const Checkpoint& last) {
  if (last.size < state.tree.size())
    return altered_log(disk, fmt::format("the checkpoint of size {} is missing", state.tree.size()));
  if (!std::ranges::binary_search(kept.segments, state.segment))
    return altered_log(disk, segment_name(state.segment) + " is missing");
  if (state.bytes == 0) return ok();
  const auto text = CLV_TRY(disk.open_file(segment_name(state.segment)));
  char end = 0;
  if (CLV_TRY(text->read(state.bytes - 1, {&end, 1})) != 1 || end != '\n')
    return altered_log(disk, fmt::format("it is cut short: {} bytes of {} are missing or changed",
                                         state.bytes, segment_name(state.segment)));
  return ok();
}

// Writes [from, to) over itself. After a failed sync and a kill the page cache shows what the disk does not have.
Result<void> write_again(DiskFile& file, std::uint64_t from, std::uint64_t to) {
  std::string block(std::size_t{1} << 20, '\0');
  while (from < to) {
    const std::size_t count =
        CLV_TRY(file.read(from, std::span(block.data(), std::min<std::uint64_t>(block.size(), to - from))));
    if (count == 0)
      return Error(Code::kUnavailable, Blame::kOperator, "the audit log changes while it is opened");
    const std::string_view part(block.data(), count);
    CLV_TRY_VOID(file.write(from, {&part, 1}));
    from += count;
  }
  return ok();
}

// The leaves behind `from`, made anew from the text.
Result<void> write_leaves(DiskFile& leaves, DiskFile& text, const LogPlace& from, std::uint64_t text_bytes) {
  std::uint64_t at = (from.event - from.segment) * sizeof(crypto::Sha256Digest);
  CLV_TRY_VOID(leaves.truncate(at));
  std::vector<crypto::Sha256Digest> batch;
  const auto flush = [&]() -> Result<void> {
    const std::string_view part(reinterpret_cast<const char*>(batch.data()),
                                batch.size() * sizeof(crypto::Sha256Digest));
    CLV_TRY_VOID(leaves.write(at, {&part, 1}));
    at += part.size();
    batch.clear();
    return ok();
  };
  constexpr std::size_t kBatch = 4096;
  LineScanner scanner = lines_of(text, from.offset);
  while (const auto line = CLV_TRY(scanner.next())) {
    if (line->offset >= text_bytes) break;
    batch.push_back(crypto::merkle_leaf(line->text));
    if (batch.size() == kBatch) CLV_TRY_VOID(flush());
  }
  if (!batch.empty()) CLV_TRY_VOID(flush());
  return leaves.sync();
}

// Brings the segment that is written in order, once it is known what it should hold: `end`. Of what lies behind `saved`
// nobody knows whether it is on disk; the leaves behind `leaves` have to be made.
Result<void> mend(SegmentFiles& segment, const LogPlace& saved, const LogPlace& leaves, const LogPlace& end,
                  std::uint64_t checkpoint_bytes) {
  const auto here = [&](const LogPlace& place) {
    return place.segment == end.segment ? place : LogPlace{end.segment, end.segment, 0};
  };
  CLV_TRY_VOID(segment.text->truncate(end.offset));
  CLV_TRY_VOID(write_again(*segment.text, here(saved).offset, end.offset));
  CLV_TRY_VOID(segment.text->sync());
  CLV_TRY_VOID(write_leaves(*segment.leaves, *segment.text, here(leaves), end.offset));
  CLV_TRY_VOID(segment.checkpoints->truncate(checkpoint_bytes));
  CLV_TRY_VOID(segment.checkpoints->sync());
  segment.text_bytes = end.offset;
  segment.checkpoint_bytes = checkpoint_bytes;
  return ok();
}

// Of the first event in a text.
Result<std::optional<WallTime>> first_time(DiskFile& text) {
  LineScanner scanner = lines_of(text, 0);
  const auto line = CLV_TRY(scanner.next());
  return line ? event_time(line->text) : std::nullopt;
}

}  // namespace

std::string segment_name(std::uint64_t first_event) {
  return fmt::format("{:020}{}", first_event, kTextSuffix);
}
std::string leaves_name(std::uint64_t first_event) { return fmt::format("{:020}.leaves", first_event); }
std::string checkpoints_name(std::uint64_t first_event) {
  return fmt::format("{:020}.checkpoints", first_event);
}

std::optional<std::uint64_t> segment_of(std::string_view name) {
  if (name.size() <= kDigits || name[kDigits] != '.') return std::nullopt;
  const std::string_view digits = name.substr(0, kDigits);
  // Leading zeros are part of the name, and of no number.
  const auto number =
      base::parse_decimal(digits.substr(std::min(digits.find_first_not_of('0'), kDigits - 1)));
  return number.has_value() ? std::optional(*number) : std::nullopt;
}

Result<SegmentFiles> open_segment(Disk& disk, std::uint64_t first_event) {
  SegmentFiles segment{.first_event = first_event};
  segment.leaves = CLV_TRY(disk.open_file(leaves_name(first_event)));
  segment.checkpoints = CLV_TRY(disk.open_file(checkpoints_name(first_event)));
  segment.text = CLV_TRY(disk.open_file(segment_name(first_event)));
  return segment;
}

Result<void> unmake_segment(Disk& disk, std::uint64_t first_event) {
  const std::string name = segment_name(first_event);
  return disk.remove({&name, 1});
}

Result<SegmentFiles> make_segment(Disk& disk, std::uint64_t first_event) {
  SegmentFiles segment = CLV_TRY(open_segment(disk, first_event));
  for (DiskFile* file : {segment.text.get(), segment.leaves.get(), segment.checkpoints.get()})
    if (CLV_TRY(file->size()) != 0)
      return Error::formatted(Code::kUnavailable, Blame::kOperator,
                              fmt::format("{}/{:020}.* are in the way of the audit log's next segment",
                                          disk.path(), first_event));
  return segment;
}

Result<LastCheckpoint> read_last_checkpoint(const Disk& disk, DiskFile& file,
                                            std::span<const VerifierKey> keys) {
  const std::uint64_t size = CLV_TRY(file.size());
  std::string text(std::min<std::uint64_t>(size, 4 * kMaxNote), '\0');
  const std::uint64_t base = size - text.size();
  text.resize(CLV_TRY(file.read(base, text)));
  const NotePlace last = last_note(text);
  // What a crash leaves is shorter than a note.
  const std::string_view rest = std::string_view(text).substr(last.end);
  const std::string origin = keys.front().name + "\n";
  const bool is_cut_note =
      rest.size() < kMaxNote && rest.substr(0, origin.size()) == origin.substr(0, rest.size());
  if (!is_cut_note && rest.find('\0') == std::string_view::npos)
    return altered_log(disk, "the file of its checkpoints ends in something else");
  if (last.end == 0) return LastCheckpoint{};
  const std::string_view note(text.data() + last.begin, last.end - last.begin - 1);
  const auto checkpoint =
      open_under(keys, [&](const VerifierKey& key) { return open_checkpoint(note, key); });
  if (!checkpoint.has_value())
    return altered_log(disk,
                       fmt::format("its last checkpoint cannot be trusted: {}", checkpoint.error().what()));
  return LastCheckpoint{*checkpoint, base + last.end};
}

Result<void> check_boundary(Disk& disk, const std::vector<ClosedSegment>& closed,
                            const crypto::MerkleTree& tree, const LogKeys& keys) {
  const auto behind = std::ranges::lower_bound(closed, tree.size(), {}, &ClosedSegment::first_event);
  if (behind == closed.begin())
    return altered_log(disk, fmt::format("no segment ends at event {}", tree.size()));
  const auto file = CLV_TRY(disk.open_file(checkpoints_name(std::prev(behind)->first_event)));
  const Checkpoint there = CLV_TRY(read_last_checkpoint(disk, *file, keys.all())).checkpoint;
  if (there == Checkpoint{tree.size(), tree.root()}) return ok();
  return altered_log(disk,
                     fmt::format("its first {} events are not those that the checkpoint in {} vouches for",
                                 tree.size(), checkpoints_name(std::prev(behind)->first_event)));
}

Result<void> remove_segments_before(Disk& disk, std::uint64_t end) {
  std::vector<std::string> names;
  for (Disk::Entry& entry : CLV_TRY(disk.list())) {
    const auto first = segment_of(entry.name);
    if (first && *first < end) names.push_back(std::move(entry.name));
  }
  return names.empty() ? ok() : disk.remove(names);
}

Result<LogFiles> open_log_files(Disk& disk, const LogKeys& keys) {
  CLV_TRY_VOID(check_log_keys(disk, keys));
  CLV_TRY_VOID(adopt_checkpoints(disk));
  LogFiles files{.pruned = CLV_TRY(read_pruned(disk, keys))};
  const Kept kept = CLV_TRY(look_at_segments(disk, files.pruned.size()));
  files.segment = CLV_TRY(open_segment(disk, kept.segments.back()));

  const LastCheckpoint own = CLV_TRY(read_last_checkpoint(disk, *files.segment.checkpoints, keys.recent()));
  const Checkpoint last = CLV_TRY(find_last_checkpoint(disk, own, kept, files.pruned, keys));
  const SavedState begin{.tree = files.pruned, .segment = files.pruned.size()};
  SavedState saved = CLV_TRY(read_state(disk, keys)).value_or(begin);
  if (saved.segment < begin.segment) saved = begin;  // an old one, put back
  CLV_TRY_VOID(check_state(disk, saved, kept, last));
  // Leaves that are missing are made anew only from text that was checked: all of it, then.
  const std::uint64_t leaves = saved.segment == kept.segments.back() ? saved.tree.size() - saved.segment : 0;
  const bool has_leaves = CLV_TRY(files.segment.leaves->size()) >= leaves * sizeof(crypto::Sha256Digest);
  const SavedState& from = has_leaves ? saved : begin;
  Replay replay(disk, keys, kept.segments, from, last);
  CLV_TRY_VOID(replay.run());
  const SavedState& end = replay.at();

  // It is the log that the checkpoint vouches for. From here on things are mended.
  CLV_TRY_VOID(keep_log_keys(disk, keys));
  CLV_TRY_VOID(mend(files.segment, saved.place(), from.place(), end.place(), own.bytes));
  CLV_TRY_VOID(remove_segments_before(disk, files.pruned.size()));
  files.closed = kept.closed;
  files.tree = end.tree;
  files.checkpointed = last.size;
  files.outbox = end.outbox;
  files.segment_began = CLV_TRY(first_time(*files.segment.text));
  files.unfinished_from = saved.oldest_open.value_or(saved.place());
  if (files.unfinished_from.segment < begin.segment) files.unfinished_from = begin.place();
  return files;
}

}  // namespace claviger::audit
