// SPDX-License-Identifier: Apache-2.0
#include "audit/log_view.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <utility>

#include "audit/log_files.h"
#include "audit/pruned.h"

namespace claviger::audit {
namespace {

constexpr std::size_t kNoteBlock = 4 * kMaxNote;

Error wrong(std::string what) { return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what)); }

// Empty when there is none.
Result<std::string> read_if_there(const std::string& path, std::size_t most) {
  auto text = read_small_file(path, most);
  if (text.has_value() || text.error().code() != Code::kNotFound) return text;
  return std::string();
}

Result<std::optional<ReadOnlyFile>> open_if_there(const std::string& path) {
  auto file = ReadOnlyFile::open(path);
  if (file.has_value()) return std::optional(std::move(*file));
  if (file.error().code() == Code::kNotFound) return std::optional<ReadOnlyFile>();
  return std::move(file).error();
}

Result<std::uint64_t> size_of(const std::string& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) == 0) return static_cast<std::uint64_t>(about.st_size);
  return Error::from_errno(errno == ENOENT ? Code::kNotFound : Code::kIo, Blame::kOperator,
                           "cannot look at " + path, errno);
}

Result<KeyChain> choose_keys(const std::string& path, const std::string& text, std::string_view given) {
  std::optional<VerifierKey> trusted;
  if (!given.empty()) {
    auto key = parse_verifier_key(given);
    if (!key.has_value()) return key.error().within("the key");
    trusted = *std::move(key);
  }
  if (text.empty()) {
    if (trusted) return KeyChain(*std::move(trusted));
    return wrong(path + ": there is no key in it; give the log's with --key");
  }
  auto chain = KeyChain::parse(text.ends_with('\n') ? text : text + "\n");
  if (!chain.has_value()) return chain.error().within(path);
  if (trusted && !chain->has(*trusted))
    return wrong(fmt::format("the key that was given, {}, is none of those in {}", trusted->text(), path));
  return chain;
}

}  // namespace

Result<void> NoteStream::fill() {
  if (!file_ || window_.size() - begin_ > kMaxNote) return ok();
  window_.erase(0, begin_);
  begin_ = 0;
  const std::size_t before = window_.size();
  window_.resize(before + kNoteBlock);
  const std::size_t count = CLV_TRY(file_->read(read_, std::span(window_).subspan(before)));
  window_.resize(before + count);
  read_ += count;
  return ok();
}

Result<std::string_view> NoteStream::next() {
  CLV_TRY_VOID(fill());
  const std::string_view note = first_note(std::string_view(window_).substr(begin_));
  if (!note.empty()) begin_ += note.size() + 1;
  return note;
}

// In an order in which what is read later has everything that was read before speaks of: the log may be in use.
Result<LogView> LogView::open(const std::string& directory, std::string_view key) {
  const std::string key_path = directory + "/" + kKey;
  std::string key_text = CLV_TRY(read_if_there(key_path, KeyChain::kMaxText));
  if (key_text.empty() && key.empty() && CLV_TRY(list_segments(directory)).empty())
    return Error::formatted(Code::kNotFound, Blame::kOperator, "there is no audit log in " + directory);
  LogView view(directory, CLV_TRY(choose_keys(key_path, key_text, key)));
  view.key_text_ = std::move(key_text);
  CLV_TRY_VOID(view.read_pruned());
  view.read_state();
  CLV_TRY_VOID(view.list());
  return view;
}

Result<void> LogView::read_pruned() {
  const std::string path = directory_ + "/" + kPruned;
  pruned_text_ = CLV_TRY(read_if_there(path, kMaxNote));
  if (pruned_text_.empty()) return ok();
  std::optional<Error> why_not;
  for (const VerifierKey& key : keys_.keys()) {
    auto tree = open_pruned(pruned_text_, key);
    if (!tree.has_value()) {
      why_not = std::move(tree).error();
      continue;
    }
    pruned_ = *tree;
    pruned_signer_ = key;
    return ok();
  }
  return why_not->within(path);
}

// Whatever is no state that one of the keys signed says nothing.
void LogView::read_state() {
  const auto note = read_small_file(directory_ + "/" + kState, kMaxNote);
  if (!note.has_value()) return;
  for (const VerifierKey& key : keys_.keys()) {
    const auto text = open_note(*note, key);
    if (!text.has_value()) continue;
    const auto place = read_state_place(*text);
    if (place) state_size_ = place->event;
  }
}

Result<void> LogView::list() {
  segments_ = CLV_TRY(list_segments(directory_));
  // What lies wholly below was pruned, and only its files are still there.
  const auto kept = std::ranges::find_if(segments_, [this](const Segment& segment) {
    const auto next = static_cast<std::size_t>(&segment - segments_.data()) + 1;
    return next == segments_.size() || segments_[next].first_event > first_event();
  });
  segments_.erase(segments_.begin(), kept);
  if (segments_.empty())
    return Error::formatted(Code::kNotFound, Blame::kOperator, "there is no audit log in " + directory_);
  if (segments_[0].first_event != first_event())
    return wrong(
        first_event() == 0
            ? fmt::format("{} is the first segment, and nothing says that what came before was pruned",
                          segments_[0].name)
            : fmt::format(
                  "the first segment that was kept begins with event {}, but {} is the first there is",
                  first_event(), segments_[0].name));
  last_.emplace(CLV_TRY(open_files(segments_.back().first_event)));
  for (std::size_t i = 0; i + 1 < segments_.size(); ++i)
    bytes_ += CLV_TRY(size_of(directory_ + "/" + segments_[i].name));
  bytes_ += last_->text.size();
  return ok();
}

std::uint64_t LogView::segment_end(std::size_t index) const noexcept {
  return index + 1 < segments_.size() ? segments_[index + 1].first_event : UINT64_MAX;
}

Result<OpenSegment> LogView::open_files(std::uint64_t first_event) const {
  NoteStream checkpoints(CLV_TRY(open_checkpoints(directory_, first_event)));
  Leaves leaves(CLV_TRY(open_if_there(directory_ + "/" + leaves_name(first_event))));
  ReadOnlyFile text = CLV_TRY(ReadOnlyFile::open(directory_ + "/" + segment_name(first_event)));
  return OpenSegment{std::move(checkpoints), std::move(leaves), std::move(text)};
}

Result<OpenSegment> LogView::open_segment(std::size_t index) {
  if (index + 1 == segments_.size() && last_) return *std::exchange(last_, std::nullopt);
  return open_files(segments_[index].first_event);
}

bool LogView::has_moved_on() const {
  const auto key = read_if_there(directory_ + "/" + kKey, KeyChain::kMaxText);
  const auto pruned = read_if_there(directory_ + "/" + kPruned, kMaxNote);
  return key.has_value() && pruned.has_value() && (*key != key_text_ || *pruned != pruned_text_);
}

Result<KeyChain> LogView::keys_now() const {
  const std::string path = directory_ + "/" + kKey;
  return choose_keys(path, CLV_TRY(read_if_there(path, KeyChain::kMaxText)), {});
}

Result<Checkpoint> open_checkpoint_of(std::string_view note, const KeyChain& keys) {
  std::optional<Error> why_not;
  for (const VerifierKey& key : keys.keys()) {
    const auto checkpoint = open_checkpoint(note, key);
    if (checkpoint.has_value()) return *checkpoint;
    why_not = checkpoint.error();
  }
  return keys.keys().size() == 1
             ? *why_not
             : Error(Code::kInvalid, Blame::kOperator, "it is not signed by one of the log's keys");
}

Result<Checkpoint> read_saved_checkpoint(const std::string& path, const KeyChain& keys) {
  std::string note = CLV_TRY(read_small_file(path, kMaxNote));
  if (note.ends_with("\n\n")) note.pop_back();  // as it stands in a file of checkpoints
  const auto checkpoint = open_checkpoint_of(note, keys);
  if (!checkpoint.has_value()) return checkpoint.error().within(path);
  return *checkpoint;
}

}  // namespace claviger::audit
