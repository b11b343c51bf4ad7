// SPDX-License-Identifier: Apache-2.0
#include "audit/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/line.h"
#include "audit/log_copy.h"
#include "audit/log_files.h"
#include "audit/note.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

constexpr std::size_t kBlock = std::size_t{64} << 10;
constexpr std::size_t kBigBlock = std::size_t{1} << 20;

Error no_such_place() {
  return Error(Code::kInvalid, Blame::kCaller, "there is no such place in the audit log");
}

Error cut() { return Error(Code::kUnavailable, Blame::kOperator, "the audit log was cut while it was read"); }

Error pruned(std::uint64_t first_kept) {
  return Error::formatted(
      Code::kNotFound, Blame::kCaller,
      fmt::format("that part of the audit log was pruned: it is kept from event {} on", first_kept));
}

Result<std::vector<Segment>> segments_of(const std::string& directory) {
  std::vector<Segment> segments = CLV_TRY(list_segments(directory));
  if (segments.empty())
    return Error::formatted(Code::kNotFound, Blame::kOperator, "there is no audit log in " + directory);
  return segments;
}

// The text of a segment; kNotFound that says whether it was pruned, kInvalid when there never was one.
Result<ReadOnlyFile> open_text(const std::string& directory, std::uint64_t segment) {
  auto file = ReadOnlyFile::open(directory + "/" + segment_name(segment));
  if (file.has_value() || file.error().code() != Code::kNotFound) return file;
  const auto kept = CLV_TRY(segments_of(directory));
  if (kept.front().first_event > segment) return pruned(kept.front().first_event);
  return no_such_place();
}

// What is there up to the last line end: a line behind it is being written.
void cut_to_lines(std::string& text) { text.resize(text.rfind('\n') + 1); }

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

// Goes on by lines, in one segment, until it is before the event `until` or at the end of the text.
Result<LogPlace> skip_lines(const ReadOnlyFile& file, LogPlace at, std::uint64_t until) {
  std::string block(kBigBlock, '\0');
  for (std::uint64_t read = at.offset; at.event < until;) {
    const std::size_t size = CLV_TRY(file.read(read, block));
    if (size == 0) break;
    for (std::size_t begin = 0; at.event < until;) {
      const std::size_t end = std::string_view(block).substr(0, size).find('\n', begin);
      if (end == std::string_view::npos) break;
      begin = end + 1;
      at.offset = read + begin;
      ++at.event;
    }
    read += size;
  }
  return at;
}

// A place that is good to start from, to come to the end of the last segment or to an event in it: the one that the
// writer noted last. It is believed as far as a look at the text can bear it out.
LogPlace near_end(const std::string& directory, const ReadOnlyFile& file, std::uint64_t segment) {
  const LogPlace begin{segment, segment, 0};
  const auto note = read_small_file(directory + "/" + kState, kMaxNote);
  if (!note.has_value()) return begin;
  const auto place = read_state_place(*note);
  if (!place || place->segment != segment || place->offset > file.size()) return begin;
  char before = '\n';
  if (place->offset > 0 && !file.read(place->offset - 1, {&before, 1}).has_value()) return begin;
  return before == '\n' ? *place : begin;
}

// The segment that is written, opened, and where it ends.
struct End {
  ReadOnlyFile file;
  LogPlace place;
};
Result<End> open_end(const std::string& directory) {
  const auto segments = CLV_TRY(segments_of(directory));
  ReadOnlyFile file = CLV_TRY(open_text(directory, segments.back().first_event));
  const LogPlace from = near_end(directory, file, segments.back().first_event);
  const LogPlace place = CLV_TRY(skip_lines(file, from, UINT64_MAX));
  return End{std::move(file), place};
}

// Up to `count` lines before `end`, put in front of `text`; fewer when the segment begins before.
Result<void> prepend_lines(const ReadOnlyFile& file, std::uint64_t end, std::uint64_t count,
                           std::string& text) {
  std::string found;
  std::uint64_t begin = end;
  // The line end before the first line wanted is one more.
  for (std::uint64_t ends = 0; begin > 0 && ends <= count && found.size() / (kMaxLine + 1) <= count;) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(begin, kBlock));
    begin -= size;
    std::string block(size, '\0');
    if (CLV_TRY(file.read(begin, block)) != size) return cut();
    ends += count_lines(block);
    found.insert(0, block);
  }
  std::size_t from = found.size();
  for (std::uint64_t lines = 0; from > 0; --from)
    if (found[from - 1] == '\n' && lines++ == count) break;
  text.insert(0, found, from);
  return ok();
}

// --- checkpoints

// The size that a note speaks of.
std::optional<std::uint64_t> size_of(std::string_view note) {
  if (!take_line(note).has_value()) return std::nullopt;
  const auto size = take_number(note);
  return size.has_value() ? std::optional(*size) : std::nullopt;
}

// Where the first note begins of which the end of the one before it is in `text`; 0 when there is none.
std::size_t next_note(std::string_view text) {
  constexpr std::string_view kSignature = "\xe2\x80\x94 ";
  bool is_signature = false;
  for (std::size_t line = 0, end; (end = text.find('\n', line)) != std::string_view::npos; line = end + 1) {
    if (end == line && is_signature) return end + 1;
    is_signature = text.substr(line).starts_with(kSignature);
  }
  return 0;
}

Error bad_checkpoints() {
  return Error(Code::kInvalid, Blame::kOperator, "the audit log's checkpoints cannot be read");
}

// Where to begin to read, so that no note of more than `size` events is missed: at a note.
Result<std::uint64_t> near_checkpoint(const ReadOnlyFile& file, std::uint64_t size) {
  std::uint64_t low = 0, high = file.size();  // at `low` a note begins
  std::string window(4 * kMaxNote, '\0');
  while (high - low > 2 * window.size()) {
    const std::uint64_t middle = low + (high - low) / 2;
    const std::string_view seen(window.data(), CLV_TRY(file.read(middle, window)));
    const std::size_t skipped = next_note(seen);
    const auto found = size_of(first_note(seen.substr(skipped)));
    if (skipped == 0 || !found) return bad_checkpoints();
    if (*found <= size) low = middle + skipped;
    else high = middle;
  }
  return low;
}

// Appends those of one file.
Result<void> take_checkpoints(const ReadOnlyFile& file, std::uint64_t size, std::size_t most,
                              std::vector<SignedCheckpoint>& all) {
  std::uint64_t read = CLV_TRY(near_checkpoint(file, size));
  std::string window, block(4 * kMaxNote, '\0');
  for (;;) {
    const std::size_t got = CLV_TRY(file.read(read, block));
    if (got == 0) return ok();
    read += got;
    window.append(block, 0, got);
    std::size_t done = 0;
    for (std::string_view note; !(note = first_note(std::string_view(window).substr(done))).empty();) {
      const auto found = size_of(note);
      if (!found) return bad_checkpoints();
      if (*found > size) all.push_back({*found, std::string(note)});
      if (all.size() == most) return ok();
      done += note.size() + 1;
    }
    window.erase(0, done);
    if (window.size() > kMaxNote) return bad_checkpoints();
  }
}

Result<std::optional<std::string>> last_note_of(const ReadOnlyFile& file) {
  const std::uint64_t begin = file.size() - std::min<std::uint64_t>(file.size(), 4 * kMaxNote);
  std::string text(static_cast<std::size_t>(file.size() - begin), '\0');
  text.resize(CLV_TRY(file.read(begin, text)));
  const NotePlace last = last_note(text);
  if (last.end == 0) return std::optional<std::string>();
  return std::optional(text.substr(last.begin, last.end - last.begin - 1));
}

}  // namespace

Result<LogPlace> log_begin(const std::string& directory) {
  const std::uint64_t first = CLV_TRY(segments_of(directory)).front().first_event;
  return LogPlace{first, first, 0};
}

Result<LogPlace> log_end(const std::string& directory) { return CLV_TRY(open_end(directory)).place; }

Result<LogPlace> find_event(const std::string& directory, std::uint64_t number) {
  const auto segments = CLV_TRY(segments_of(directory));
  if (number < segments.front().first_event) return pruned(segments.front().first_event);
  const auto behind = std::ranges::upper_bound(segments, number, {}, &Segment::first_event);
  const std::uint64_t segment = std::prev(behind)->first_event;
  const ReadOnlyFile file = CLV_TRY(open_text(directory, segment));
  LogPlace from = near_end(directory, file, segment);
  if (from.event > number) from = {segment, segment, 0};
  const LogPlace place = CLV_TRY(skip_lines(file, from, number));
  if (place.event != number) return no_such_place();
  return place;
}

Result<LogPiece> read_last_lines(const std::string& directory, std::size_t count) {
  const End end = CLV_TRY(open_end(directory));
  LogPiece piece{.next = end.place};
  CLV_TRY_VOID(prepend_lines(end.file, end.place.offset, count, piece.lines));
  piece.events = count_lines(piece.lines);
  const auto segments = CLV_TRY(segments_of(directory));
  for (auto segment = segments.rbegin(); segment != segments.rend() && piece.events < count; ++segment) {
    if (segment->first_event >= end.place.segment) continue;
    const auto file = ReadOnlyFile::open(directory + "/" + segment->name);
    if (!file.has_value() && file.error().code() == Code::kNotFound) break;  // pruned meanwhile
    if (!file.has_value()) return file.error();
    CLV_TRY_VOID(prepend_lines(*file, file->size(), count - piece.events, piece.lines));
    piece.events = count_lines(piece.lines);
  }
  piece.first_event = end.place.event - piece.events;
  return piece;
}

Result<LogPiece> read_lines_from(const std::string& directory, LogPlace from, std::size_t bytes) {
  const ReadOnlyFile file = CLV_TRY(open_text(directory, from.segment));
  if (from.offset > file.size()) return no_such_place();
  char before = '\n';
  if (from.offset > 0) CLV_TRY(file.read(from.offset - 1, {&before, 1}));
  if (before != '\n') return Error(Code::kInvalid, Blame::kCaller, "no line of the audit log begins there");
  const std::size_t most = std::max(bytes, kMaxLine + 1);
  LogPiece piece{.first_event = from.event, .next = from};
  piece.lines.resize(static_cast<std::size_t>(std::min<std::uint64_t>(most, file.size() - from.offset)));
  piece.lines.resize(CLV_TRY(file.read(from.offset, piece.lines)));
  cut_to_lines(piece.lines);
  piece.events = count_lines(piece.lines);
  piece.next.event += piece.events;
  piece.next.offset += piece.lines.size();
  if (!piece.lines.empty() || from.event == from.segment) return piece;
  // Only of a segment that has ended is there one that begins with the next event, and it ended there.
  const auto next = ReadOnlyFile::open(directory + "/" + segment_name(from.event));
  if (!next.has_value() && next.error().code() == Code::kNotFound) return piece;
  return read_lines_from(directory, {from.event, from.event, 0}, bytes);
}

Result<std::vector<SignedCheckpoint>> read_checkpoints_after(const std::string& directory, std::uint64_t size,
                                                             std::size_t most) {
  const auto segments = CLV_TRY(segments_of(directory));
  std::vector<SignedCheckpoint> all;
  for (std::size_t i = 0; i < segments.size() && all.size() < most; ++i) {
    // Its checkpoints are of no more events than come before the next segment.
    if (i + 1 < segments.size() && segments[i + 1].first_event <= size) continue;
    const auto file = CLV_TRY(open_checkpoints(directory, segments[i].first_event));
    if (file) CLV_TRY_VOID(take_checkpoints(*file, size, most, all));
  }
  return all;
}

Result<std::optional<std::string>> read_last_checkpoint(const std::string& directory) {
  const auto segments = CLV_TRY(list_segments(directory));
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    const auto file = CLV_TRY(open_checkpoints(directory, segment->first_event));
    std::optional<std::string> note;
    if (file) note = CLV_TRY(last_note_of(*file));
    if (note) return note;
  }
  return std::optional<std::string>();
}

}  // namespace claviger::audit
