// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

constexpr std::size_t kMaxCell = 60;
constexpr std::size_t kGap = 2;

bool begins_character(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

// Characters, not bytes, so that columns stay in line.
std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string cell_of(std::string_view text) {
  std::string cell = printable(text);
  if (cell.empty()) return "-";
  if (width_of(cell) <= kMaxCell) return cell;
  std::size_t end = 0;
  for (std::size_t width = 0; end < cell.size(); ++end) {
    if (begins_character(cell[end]) && width++ == kMaxCell - 3) break;
  }
  return cell.substr(0, end) + "...";
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = cell_of(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    if (widths.size() < row.size()) widths.resize(row.size(), 0);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - width_of(row[i]) + kGap, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string format_age(WallTime then, WallTime now) {
  struct Unit {
    std::int64_t seconds;
    std::int64_t up_to;  // of it, before the next unit says it better
    char letter;
  };
  constexpr std::array<Unit, 5> kUnits = {
      {{1, 120, 's'}, {60, 120, 'm'}, {3600, 48, 'h'}, {86400, 730, 'd'}, {31536000, INT64_MAX, 'y'}}};
  const std::int64_t seconds =
      std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(now - then).count(), 0);
  for (const Unit& unit : kUnits) {
    if (seconds / unit.seconds < unit.up_to) return std::to_string(seconds / unit.seconds) + unit.letter;
  }
  return {};
}

std::string format_age(std::string_view then, WallTime now) {
  const auto time = base::parse_rfc3339(then);
  return time.has_value() ? format_age(*time, now) : std::string();
}

std::string format_distance(std::string_view when, WallTime now) {
  const auto time = base::parse_rfc3339(when);
  if (!time.has_value()) return {};
  return *time > now ? "in " + format_age(now, *time) : format_age(*time, now) + " ago";
}

}  // namespace claviger::cli
