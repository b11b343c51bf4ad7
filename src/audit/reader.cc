// SPDX-License-Identifier: Apache-2.0
#include "audit/reader.h"

#include <algorithm>

#include "audit/line.h"
#include "audit/log_copy.h"
#include "audit/log_files.h"
#include "audit/note.h"

namespace claviger::audit {
namespace {

constexpr std::size_t kBlock = std::size_t{64} << 10;

Result<ReadOnlyFile> open_text(const std::string& directory) {
  return ReadOnlyFile::open(directory + "/" + segment_name(0));
}

// What is there up to the last line end: a line behind it is being written.
void cut_to_lines(std::string& text) { text.resize(text.rfind('\n') + 1); }

}  // namespace

Result<LogPiece> read_last_lines(const std::string& directory, std::size_t count) {
  const ReadOnlyFile file = CLV_TRY(open_text(directory));
  std::string text;
  std::uint64_t begin = file.size();
  std::size_t ends = 0;  // line ends in `text`
  // The line end before the first line wanted is one more.
  while (begin > 0 && ends <= count && text.size() / (kMaxLine + 1) <= count) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(begin, kBlock));
    begin -= size;
    std::string block(size, '\0');
    if (CLV_TRY(file.read(begin, block)) != size)
      return Error(Code::kUnavailable, Blame::kOperator, "the audit log was cut while it was read");
    ends += static_cast<std::size_t>(std::ranges::count(block, '\n'));
    text.insert(0, block);
  }
  cut_to_lines(text);
  const std::uint64_t next = begin + text.size();
  std::size_t from = text.size();
  for (std::size_t lines = 0; from > 0; --from)
    if (text[from - 1] == '\n' && lines++ == count) break;
  text.erase(0, from);
  return LogPiece{std::move(text), next};
}

Result<LogPiece> read_lines_from(const std::string& directory, std::uint64_t from, std::size_t bytes) {
  const ReadOnlyFile file = CLV_TRY(open_text(directory));
  if (from > file.size())
    return Error(Code::kInvalid, Blame::kCaller, "there is no such place in the audit log");
  char before = '\n';
  if (from > 0) CLV_TRY(file.read(from - 1, {&before, 1}));
  if (before != '\n') return Error(Code::kInvalid, Blame::kCaller, "no line of the audit log begins there");
  std::string text(
      static_cast<std::size_t>(std::min<std::uint64_t>(std::max(bytes, kMaxLine + 1), file.size() - from)),
      '\0');
  text.resize(CLV_TRY(file.read(from, text)));
  cut_to_lines(text);
  const std::uint64_t next = from + text.size();
  return LogPiece{std::move(text), next};
}

Result<std::optional<std::string>> read_last_checkpoint(const std::string& directory) {
  const auto file = ReadOnlyFile::open(directory + "/" + std::string(kCheckpoints));
  if (!file.has_value()) {
    if (file.error().code() == Code::kNotFound) return std::optional<std::string>();
    return file.error();
  }
  const std::uint64_t begin = file->size() - std::min<std::uint64_t>(file->size(), 4 * kMaxNote);
  std::string text(static_cast<std::size_t>(file->size() - begin), '\0');
  text.resize(CLV_TRY(file->read(begin, text)));
  const NotePlace last = last_note(text);
  if (last.end == 0) return std::optional<std::string>();
  return std::optional(text.substr(last.begin, last.end - last.begin - 1));
}

}  // namespace claviger::audit
