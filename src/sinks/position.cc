// SPDX-License-Identifier: Apache-2.0
#include "sinks/position.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/file.h"
#include "base/parse.h"

namespace claviger::sinks {
namespace {

constexpr std::string_view kTitle = "claviger sink position v1";
constexpr std::size_t kMost = 1024;

std::optional<std::string_view> next_line(std::string_view& text) noexcept {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

Error failed(const std::string& path, int reason) {
  return Error::from_errno(Code::kIo, Blame::kOperator, "writing the sink's position " + path, reason);
}

}  // namespace

PositionFile::PositionFile(const std::string& log_directory, const std::string& name, std::string origin)
    : directory_(log_directory + "/sinks"),
      path_(directory_ + "/" + name),
      next_(directory_ + "/." + name + ".new"),
      origin_(std::move(origin)) {}

std::optional<Position> PositionFile::load() const {
  const base::Descriptor file(path_, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  std::string text;
  if (!file.is_open() || !base::read_all(file.number(), kMost, text)) return std::nullopt;
  std::string_view rest = text;
  std::array<std::string_view, 4> lines;
  for (std::string_view& line : lines) {
    const auto next = next_line(rest);
    if (!next) return std::nullopt;
    line = *next;
  }
  if (!rest.empty() || lines[0] != kTitle || lines[1] != origin_) return std::nullopt;
  const auto place = audit::parse_log_place(lines[2]);
  const auto checkpoint = base::parse_decimal(lines[3]);
  if (!place.has_value() || !checkpoint.has_value()) return std::nullopt;
  return Position{*place, *checkpoint};
}

Result<void> PositionFile::save(const Position& position) const {
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) return failed(directory_, errno);
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}\n", kTitle, origin_, position.place.text(), position.checkpoint);
  const base::Descriptor file(next_, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  const bool written = file.is_open() && base::write_all(file.number(), text) &&
                       ::fdatasync(file.number()) == 0 && ::rename(next_.c_str(), path_.c_str()) == 0 &&
                       base::sync_directory_of(path_);
  return written ? ok() : failed(path_, errno);
}

}  // namespace claviger::sinks
