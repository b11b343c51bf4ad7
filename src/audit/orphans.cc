// SPDX-License-Identifier: Apache-2.0
#include "audit/orphans.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "audit/event.h"
#include "audit/line.h"
#include "audit/log_files.h"
#include "audit/member.h"

namespace claviger::audit {
namespace {

constexpr std::string_view kStarted = R"("call.started")";
constexpr std::string_view kFinished = R"("call.finished")";

// Whole lines, from `at` to the end of the log.
Result<void> for_each_line(Disk& disk, LogPlace at,
                           const std::function<bool(std::string_view, const LogPlace&)>& look) {
  while (CLV_TRY(disk.has(segment_name(at.segment)))) {
    const auto file = CLV_TRY(disk.open_file(segment_name(at.segment)));
    LineScanner lines(
        [&file](std::uint64_t offset, std::span<char> into) { return file->read(offset, into); }, at.offset);
    for (;; ++at.event) {
      const auto line = CLV_TRY(lines.next());
      if (!line || line->kind != LineScanner::Line::Kind::kWhole) break;
      at.offset = line->offset;
      if (!look(line->text, at)) return ok();
    }
    if (at.event == at.segment) break;  // nothing in it yet: it is the last
    at = {at.event, at.event, 0};
  }
  return ok();
}

// One of `count` parts of all calls, of equal size more or less.
struct Part {
  std::size_t number = 0;
  std::size_t count = 1;
  bool has(std::string_view id) const noexcept {
    return count == 1 || std::hash<std::string_view>{}(id) % count == number;
  }
};
constexpr std::size_t kMostParts = std::size_t{1} << 16;

// Of the part's calls those that have no end; nothing when more than `most` were open at once.
Result<std::optional<std::vector<LogPlace>>> scan(Disk& disk, const LogPlace& from, std::size_t most,
                                                  const Part& part) {
  std::unordered_map<std::string, LogPlace> open;
  bool fits = true;
  CLV_TRY_VOID(for_each_line(disk, from, [&](std::string_view line, const LogPlace& place) {
    const std::string_view type = find_member(line, "type");
    if (type != kStarted && type != kFinished) return true;
    const std::string_view id = find_member(line, "request_id");
    if (id.empty() || !part.has(id)) return true;
    if (type == kFinished) open.erase(std::string(id));
    else open.emplace(id, place);
    fits = open.size() <= most;
    return fits;
  }));
  if (!fits) return std::optional<std::vector<LogPlace>>();
  std::vector<LogPlace> places;
  places.reserve(open.size());
  for (const auto& [id, place] : open) places.push_back(place);
  std::ranges::sort(places, {}, &LogPlace::event);
  return std::optional(std::move(places));
}

}  // namespace

Result<void> find_orphans(Disk& disk, const LogPlace& from, std::size_t most,
                          const std::function<Result<void>(const std::vector<LogPlace>&)>& found) {
  for (Part part; part.number < part.count;) {
    const auto places = CLV_TRY(scan(disk, from, most, part));
    if (places) {
      if (!places->empty()) CLV_TRY_VOID(found(*places));
      ++part.number;
    } else if (part.count < kMostParts) {
      // What is in part n of m is in the parts n and n + m of 2m; those before n are done, and find nothing any more.
      part = {0, part.count * 2};
    } else {
      return Error(Code::kUnavailable, Blame::kOperator, "the audit log has too many calls that did not end");
    }
  }
  return ok();
}

Result<std::string> end_of_orphan(Disk& disk, const LogPlace& place, WallTime now) {
  const auto file = CLV_TRY(disk.open_file(segment_name(place.segment)));
  std::string line(kMaxLine + 1, '\0');
  line.resize(CLV_TRY(file->read(place.offset, line)));
  line.resize(std::min(line.find('\n'), line.size()));
  if (find_member(line, "type") != kStarted)
    return Error(Code::kInvalid, Blame::kOperator, "the audit log was changed while it was read");
  Event event(now, "call.finished");
  for (const std::string_view name : {"request_id", "principal", "upstream", "method", "path"})
    if (const std::string_view value = find_member(line, name); !value.empty()) event.add_json(name, value);
  event.add("code", "outcome_unknown");
  event.add("started", place.event);
  return std::move(event).text();
}

}  // namespace claviger::audit
