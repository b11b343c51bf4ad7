// SPDX-License-Identifier: Apache-2.0
#include "audit/log_files.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <optional>
#include <vector>

#include "audit/line.h"

namespace claviger::audit {
namespace {

// Has a space, which no origin has: a state never passes for a checkpoint.
constexpr std::string_view kStateTitle = "claviger audit state v1";

Error altered(const Disk& disk, std::string_view what) {
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      fmt::format(
          "the audit log {} was altered or damaged: {}; run `claviger audit verify --log {}` to see where, "
          "keep it as evidence, and move the directory away to begin a new log",
          disk.path(), what, disk.path()));
}

// The last checkpoint, and where the next one goes: a note that was cut short by a crash is written over.
struct LastCheckpoint {
  Checkpoint checkpoint;
  std::uint64_t bytes = 0;
};

Result<LastCheckpoint> read_last_checkpoint(const Disk& disk, DiskFile& file, const VerifierKey& key) {
  const std::uint64_t size = CLV_TRY(file.size());
  std::string text(std::min<std::uint64_t>(size, 4 * kMaxNote), '\0');
  const std::uint64_t base = size - text.size();
  text.resize(CLV_TRY(file.read(base, text)));
  const NotePlace last = last_note(text);
  // What a crash leaves is shorter than a note.
  const std::string_view rest = std::string_view(text).substr(last.end);
  const std::string origin = key.name + "\n";
  const bool is_cut_note =
      rest.size() < kMaxNote && rest.substr(0, origin.size()) == origin.substr(0, rest.size());
  if (!is_cut_note && rest.find('\0') == std::string_view::npos)
    return altered(disk, "the file checkpoints ends in something else");
  if (last.end == 0) return LastCheckpoint{};
  const std::string_view note(text.data() + last.begin, last.end - last.begin - 1);
  const auto checkpoint = open_checkpoint(note, key);
  if (!checkpoint.has_value())
    return altered(disk, fmt::format("its last checkpoint cannot be trusted: {}", checkpoint.error().what()));
  return LastCheckpoint{*checkpoint, base + last.end};
}

// The state when there is a good one; an empty log's else.
Result<SavedState> read_state(Disk& disk, const VerifierKey& key) {
  const std::optional<std::string> note = CLV_TRY(disk.read(kState, kMaxNote));
  if (!note) return SavedState{};
  const auto state = open_state(*note, key);
  return state.has_value() ? *state : SavedState{};
}

LineScanner lines_of(DiskFile& file, std::uint64_t from) {
  return LineScanner([&file](std::uint64_t offset, std::span<char> into) { return file.read(offset, into); },
                     from);
}

// Hashes the text behind `from`.
class Replay {
 public:
  Replay(const Disk& disk, DiskFile& text, SavedState from, const Checkpoint& last)
      : disk_(disk), text_(text), at_(std::move(from)), last_(last) {}

  Result<SavedState> run() {
    CLV_TRY_VOID(compare());
    LineScanner scanner = lines_of(text_, at_.bytes);
    while (const auto line = CLV_TRY(scanner.next())) {
      if (line->kind == LineScanner::Line::Kind::kTorn || is_crash_damage(line->text)) break;
      if (line->kind == LineScanner::Line::Kind::kTooLong || !is_line(line->text))
        return altered(disk_, fmt::format("event {} (byte {}) is none", at_.tree.size(), at_.bytes));
      at_.tree.append(crypto::merkle_leaf(line->text));
      at_.bytes = line->offset + line->text.size() + 1;
      at_.outbox = std::max(at_.outbox, find_outbox(line->text));
      CLV_TRY_VOID(compare());
    }
    if (at_.tree.size() < last_.size)
      return altered(disk_, fmt::format("it has {} events, but its last checkpoint vouches for {}",
                                        at_.tree.size(), last_.size));
    return at_;
  }

 private:
  Result<void> compare() {
    if (at_.tree.size() != last_.size || last_.size == 0 || at_.tree.root() == last_.root) return ok();
    return altered(
        disk_,
        fmt::format("its first {} events are not those that its last checkpoint vouches for", last_.size));
  }
  // Where a file grew and the power went before its data was written, there are zeros. None of it was ever synced, and so
  // nothing behind it either.
  bool is_crash_damage(std::string_view line) const {
    return at_.tree.size() >= last_.size && line.find('\0') != std::string_view::npos;
  }

  const Disk& disk_;
  DiskFile& text_;
  SavedState at_;
  const Checkpoint& last_;
};

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
Result<void> write_leaves(DiskFile& leaves, DiskFile& text, const SavedState& from,
                          std::uint64_t text_bytes) {
  std::uint64_t at = from.tree.size() * sizeof(crypto::Sha256Digest);
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
  LineScanner scanner = lines_of(text, from.bytes);
  while (const auto line = CLV_TRY(scanner.next())) {
    if (line->offset >= text_bytes) break;
    batch.push_back(crypto::merkle_leaf(line->text));
    if (batch.size() == kBatch) CLV_TRY_VOID(flush());
  }
  if (!batch.empty()) CLV_TRY_VOID(flush());
  return leaves.sync();
}

// The state, if the text that it was saved with is there.
Result<void> check_state(const Disk& disk, DiskFile& text, const SavedState& state, const Checkpoint& last) {
  if (last.size < state.tree.size())
    return altered(disk, fmt::format("the checkpoint of size {} is missing", state.tree.size()));
  if (state.bytes == 0) return ok();
  char end = 0;
  if (CLV_TRY(text.read(state.bytes - 1, {&end, 1})) != 1 || end != '\n')
    return altered(disk, fmt::format("it is cut short: {} bytes of {} events are missing or changed",
                                     state.bytes, state.tree.size()));
  return ok();
}

Result<void> check_key(Disk& disk, const VerifierKey& key) {
  const std::optional<std::string> there = CLV_TRY(disk.read(kKey, kMaxNote));
  const std::string own = key.text() + "\n";
  if (!there) return disk.replace(kKey, own);
  if (*there == own) return ok();
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      fmt::format("the audit log {} is signed with another key ({}/{}); move the directory away to "
                  "begin a new log",
                  disk.path(), disk.path(), kKey));
}

}  // namespace

std::string segment_name(std::uint64_t first_event) { return fmt::format("{:020}.jsonl", first_event); }
std::string leaves_name(std::uint64_t first_event) { return fmt::format("{:020}.leaves", first_event); }

std::string sign_state(const SavedState& state, const VerifierKey& key, Signer& signer) {
  std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n", kStateTitle, key.name, state.tree.size(),
                                 state.bytes, state.outbox);
  std::array<crypto::Sha256Digest, 64> frontier;
  const std::size_t count = state.tree.frontier(frontier);
  for (std::size_t i = 0; i < count; ++i) text += to_base64(frontier[i]) + "\n";
  return sign_note(text, key, signer);
}

Result<SavedState> open_state(std::string_view note, const VerifierKey& key) {
  std::string_view text = CLV_TRY(open_note(note, key));
  if (CLV_TRY(take_line(text)) != kStateTitle || CLV_TRY(take_line(text)) != key.name)
    return Error(Code::kInvalid, Blame::kOperator, "not the state of this log");
  const std::uint64_t size = CLV_TRY(take_number(text));
  SavedState state;
  state.bytes = CLV_TRY(take_number(text));
  state.outbox = CLV_TRY(take_number(text));
  std::vector<crypto::Sha256Digest> frontier(static_cast<std::size_t>(std::popcount(size)));
  for (crypto::Sha256Digest& hash : frontier) CLV_TRY_VOID(take_base64(text, hash));
  if (!text.empty()) return Error(Code::kInvalid, Blame::kOperator, "a state with something behind it");
  state.tree = CLV_TRY(crypto::MerkleTree::from_frontier(size, frontier));
  return state;
}

Result<LogFiles> open_log_files(Disk& disk, const VerifierKey& key) {
  CLV_TRY_VOID(check_key(disk, key));
  LogFiles files;
  files.text = CLV_TRY(disk.open_file(segment_name(0)));
  files.leaves = CLV_TRY(disk.open_file(leaves_name(0)));
  files.checkpoints = CLV_TRY(disk.open_file(kCheckpoints));

  const LastCheckpoint last = CLV_TRY(read_last_checkpoint(disk, *files.checkpoints, key));
  const SavedState saved = CLV_TRY(read_state(disk, key));
  CLV_TRY_VOID(check_state(disk, *files.text, saved, last.checkpoint));
  // Leaves that are missing are made anew only from text that was checked: all of it, then.
  const bool has_leaves = CLV_TRY(files.leaves->size()) >= saved.tree.size() * sizeof(crypto::Sha256Digest);
  const SavedState from = has_leaves ? saved : SavedState{};
  const SavedState end = CLV_TRY(Replay(disk, *files.text, from, last.checkpoint).run());

  // It is the log that the checkpoint vouches for. From here on things are mended.
  CLV_TRY_VOID(files.text->truncate(end.bytes));
  CLV_TRY_VOID(write_again(*files.text, saved.bytes, end.bytes));
  CLV_TRY_VOID(files.text->sync());
  CLV_TRY_VOID(write_leaves(*files.leaves, *files.text, from, end.bytes));
  CLV_TRY_VOID(files.checkpoints->truncate(last.bytes));
  CLV_TRY_VOID(files.checkpoints->sync());

  files.tree = end.tree;
  files.text_bytes = end.bytes;
  files.checkpoint_bytes = last.bytes;
  files.checkpointed = last.checkpoint.size;
  files.outbox = end.outbox;
  return files;
}

}  // namespace claviger::audit
