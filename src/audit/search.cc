// SPDX-License-Identifier: Apache-2.0
#include "audit/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "audit/line.h"

namespace claviger::audit {
namespace {

constexpr std::uint64_t kIndexStep = std::uint64_t{4} << 20;
constexpr std::chrono::seconds kMakeNoneFor{60};

Error damaged(std::uint64_t segment, std::uint64_t offset) {
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      fmt::format(
          "the audit log's segment {:020} holds no lines at byte {}: `claviger audit verify` says more",
          segment, offset));
}

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

// Up to where a segment that has ended has lines: to its end, unless it was cut.
Result<std::uint64_t> end_of_lines(const ReadOnlyFile& text) {
  std::string tail(static_cast<std::size_t>(std::min<std::uint64_t>(text.size(), kMaxLine + 1)), '\0');
  const std::uint64_t begin = text.size() - tail.size();
  tail.resize(CLV_TRY(text.read(begin, tail)));
  return begin + tail.rfind('\n') + 1;
}

}  // namespace

// A segment that is looked through.
struct Searcher::Stretch {
  std::uint64_t first_event = 0;
  std::optional<std::uint64_t> end_event;  // nothing: it is being written
  ReadOnlyFile text;
};

// What has come together, and where it ends.
struct Searcher::Page {
  Page(const SearchRequest& asked, const Clock& with)
      : request(asked), clock(with), finder(asked.filter), deadline(with.monotonic() + asked.work) {}

  bool is_forward() const noexcept { return request.order == Order::kOldestFirst; }
  bool is_spent() const noexcept { return work >= request.work_bytes || clock.monotonic() >= deadline; }
  bool has_room_for(std::string_view line) const noexcept {
    return result.events < request.most &&
           (result.events == 0 || result.lines.size() + line.size() < request.bytes);
  }
  bool is_full() const noexcept {
    return result.events >= request.most || result.lines.size() >= request.bytes;
  }

  // Takes what is found in `text`, the lines between two places, and goes to the far one of them. kFull, and it goes less
  // far, when there was no room for all of it. kWrongIndex when a line has a time that `bounds` denies.
  Outcome take(std::string_view text, LogPlace begin, LogPlace end, const IndexBlock* bounds = nullptr) {
    work += text.size();
    found.clear();
    finder.find(text, found, result.unreadable);
    if (!is_forward()) std::ranges::reverse(found);
    for (const std::string_view line : found) {
      if (bounds != nullptr && !has_time_of(line, *bounds)) return Outcome::kWrongIndex;
      if (!has_room_for(line)) {
        const auto from = static_cast<std::size_t>(line.data() - text.data());
        at = place_in(text, begin, is_forward() ? from : from + line.size() + 1);
        return Outcome::kFull;
      }
      result.lines.append(line).append("\n");
      ++result.events;
    }
    at = is_forward() ? end : begin;
    return is_full() || is_spent() ? Outcome::kFull : Outcome::kGoOn;
  }

  static LogPlace place_in(std::string_view text, LogPlace begin, std::size_t offset) {
    return {begin.event + count_lines(text.substr(0, offset)), begin.segment, begin.offset + offset};
  }
  static bool has_time_of(std::string_view line, const IndexBlock& bounds) noexcept {
    const std::string_view time = leading_time(line);
    return time.empty() || (time >= std::string_view(bounds.least.data(), kTimeSize) &&
                            time <= std::string_view(bounds.greatest.data(), kTimeSize));
  }

  Result<Outcome> forward(const ReadOnlyFile& text);
  Result<Outcome> backward(const ReadOnlyFile& text);
  Result<Outcome> by_index(const ReadOnlyFile& text, const SegmentIndex& index);

  const SearchRequest& request;
  const Clock& clock;
  LineFinder finder;
  Monotonic deadline;
  SearchPage result;
  LogPlace at;
  std::uint64_t work = 0;
  bool is_waiting = false;  // for an index that is being made
  std::string block;
  std::vector<std::string_view> found;
};

Result<Searcher::Outcome> Searcher::Page::forward(const ReadOnlyFile& text) {
  for (;;) {
    block.resize(kIndexBlock);
    const std::size_t count = CLV_TRY(text.read(at.offset, block));
    const std::string_view read = std::string_view(block).substr(0, count);
    const std::string_view lines = read.substr(0, read.rfind('\n') + 1);
    if (lines.empty() && count == block.size()) return damaged(at.segment, at.offset);
    if (lines.empty()) return Outcome::kGoOn;  // the end, or a line that is being written
    const LogPlace end = place_in(lines, at, lines.size());
    if (take(lines, at, end) == Outcome::kFull) return Outcome::kFull;
  }
}

Result<Searcher::Outcome> Searcher::Page::backward(const ReadOnlyFile& text) {
  while (at.offset > 0) {
    block.resize(static_cast<std::size_t>(std::min<std::uint64_t>(at.offset, kIndexBlock)));
    const std::uint64_t from = at.offset - block.size();
    if (CLV_TRY(text.read(from, block)) != block.size())
      return Error(Code::kUnavailable, Blame::kOperator, "the audit log was cut while it was read");
    // The line that the block begins in is the next block's.
    const std::size_t skipped = from == 0 ? 0 : block.find('\n') + 1;
    if ((from != 0 && skipped == 0) || skipped == block.size()) return damaged(at.segment, from);
    const std::string_view lines = std::string_view(block).substr(skipped);
    LogPlace begin{0, at.segment, at.offset - lines.size()};
    begin.event = begin.offset == 0 ? at.segment : at.event - count_lines(lines);
    if (take(lines, begin, at) == Outcome::kFull) return Outcome::kFull;
  }
  return Outcome::kGoOn;
}

Result<Searcher::Outcome> Searcher::Page::by_index(const ReadOnlyFile& text, const SegmentIndex& index) {
  while (is_forward() ? at.offset < text.size() : at.offset > 0) {
    const std::size_t number = index.block_of(is_forward() ? at.offset : at.offset - 1);
    const LogPlace block_begin{index[number].event, at.segment, index[number].offset};
    const LogPlace block_end{index.end_event(number), at.segment, index.end_offset(number)};
    const LogPlace begin = is_forward() ? at : block_begin;
    const LogPlace end = is_forward() ? block_end : at;
    const bool may_match = index.may_match(number, request.filter);
    // Of what is passed over, no more is looked at than that a line ends there.
    block.resize(may_match ? static_cast<std::size_t>(end.offset - begin.offset) : 1);
    const std::uint64_t from = end.offset - block.size();
    if (CLV_TRY(text.read(from, block)) != block.size() || block.back() != '\n') return Outcome::kWrongIndex;
    if (!may_match) {
      at = is_forward() ? end : begin;
      if (is_spent()) return Outcome::kFull;
      continue;
    }
    const bool is_whole = begin.offset == block_begin.offset && end.offset == block_end.offset;
    if (is_whole && count_lines(block) != block_end.event - block_begin.event) return Outcome::kWrongIndex;
    const Outcome outcome = take(block, begin, end, &index[number]);
    if (outcome != Outcome::kGoOn) return outcome;
  }
  return Outcome::kGoOn;
}

// Nothing when there is none to be had, or not yet (page.is_waiting).
Result<std::optional<SegmentIndex>> Searcher::index_of(const Stretch& stretch, Page& page) {
  using Found = std::optional<SegmentIndex>;
  const SearchRequest& request = page.request;
  const std::uint64_t left = page.is_forward() ? stretch.text.size() - page.at.offset : page.at.offset;
  if (!request.use_index || request.filter.is_empty() || !stretch.end_event || left < kLeastIndexed ||
      stretch.text.size() > kMostIndexed || wrong_.contains(stretch.first_event))
    return Found();
  const auto open = [&] {
    return SegmentIndex::open(directory_, stretch.first_event, *stretch.end_event, stretch.text);
  };
  if (Found index = open()) return index;
  while (!make_none_until_ || clock_.monotonic() >= *make_none_until_) {
    if (!maker_ && may_make_index(directory_)) {
      auto maker = IndexMaker::begin(directory_, stretch.first_event, *stretch.end_event);
      if (maker.has_value()) maker_ = std::make_unique<IndexMaker>(std::move(*maker));
    }
    if (!maker_) break;
    // Of another segment, maybe, that somebody else waits for, or gave up: it is made first.
    const std::uint64_t of = maker_->first_event();
    const auto is_done = maker_->step(kIndexStep);
    page.work += kIndexStep;
    if (is_done.has_value() && !*is_done) {
      page.is_waiting = page.is_spent();
      if (page.is_waiting) return Found();
      continue;
    }
    maker_.reset();
    if (!is_done.has_value() && is_done.error().code() != Code::kInvalid) break;
    const bool is_wrong = !is_done.has_value() || (of == stretch.first_event && !open());
    if (is_wrong) wrong_.insert(of);
    if (of == stretch.first_event) return is_wrong ? Found() : open();
  }
  if (!make_none_until_ || clock_.monotonic() >= *make_none_until_)
    make_none_until_ = clock_.monotonic() + kMakeNoneFor;
  return Found();
}

Result<Searcher::Outcome> Searcher::search_segment(const Stretch& stretch, Page& page) {
  const auto index = CLV_TRY(index_of(stretch, page));
  if (page.is_waiting) return Outcome::kFull;
  if (index && !index->may_match(page.request.filter)) {
    page.at = page.is_forward() ? LogPlace{*stretch.end_event, stretch.first_event, stretch.text.size()}
                                : LogPlace{stretch.first_event, stretch.first_event, 0};
    return page.is_spent() ? Outcome::kFull : Outcome::kGoOn;
  }
  if (index) {
    const LogPlace began = page.at;
    const std::size_t size = page.result.lines.size();
    const std::uint64_t events = page.result.events, unreadable = page.result.unreadable;
    const Outcome outcome = CLV_TRY(page.by_index(stretch.text, *index));
    if (outcome != Outcome::kWrongIndex) return outcome;
    // Whatever it was used for in this segment is done once more without it.
    wrong_.insert(stretch.first_event);
    page.at = began;
    page.result.lines.resize(size);
    page.result.events = events;
    page.result.unreadable = unreadable;
  }
  return page.is_forward() ? page.forward(stretch.text) : page.backward(stretch.text);
}

Result<LogPlace> Searcher::start_of(const SearchRequest& request) const {
  if (request.at) {
    CLV_TRY(read_lines_from(directory_, *request.at, 1));  // whether there is such a place
    return *request.at;
  }
  return request.order == Order::kOldestFirst ? log_begin(directory_) : log_end(directory_);
}

std::uint64_t Searcher::bytes_left(const std::vector<Segment>& segments, const SearchRequest& request,
                                   LogPlace at) const {
  const bool is_forward = request.order == Order::kOldestFirst;
  std::uint64_t left = is_forward ? 0 : at.offset;
  for (const Segment& segment : segments) {
    if (is_forward ? segment.first_event < at.segment : segment.first_event >= at.segment) continue;
    const auto text = ReadOnlyFile::open(directory_ + "/" + segment.name);
    if (!text.has_value()) continue;
    left += text->size();
    if (segment.first_event == at.segment) left -= std::min(text->size(), at.offset);
  }
  return std::max<std::uint64_t>(left, 1);
}

Result<SearchPage> Searcher::search(const SearchRequest& request) {
  Page page(request, clock_);
  const auto start = start_of(request);
  const bool is_newest_first = request.order == Order::kNewestFirst;
  const bool was_pruned = !start.has_value() && start.error().code() == Code::kNotFound && request.at;
  // What would come next is not there any more, and neither is anything before it.
  if (was_pruned && is_newest_first && CLV_TRY(log_begin(directory_)).segment > request.at->segment) {
    page.result.next = *request.at;
    return std::move(page.result);
  }
  if (!start.has_value()) return start.error();
  page.at = *start;
  const std::vector<Segment> segments = CLV_TRY(list_segments(directory_));
  const auto first = std::ranges::find(segments, page.at.segment, &Segment::first_event);
  bool is_over = false;
  // One that was pruned just now is for the next page to tell of.
  for (auto i = static_cast<std::size_t>(first - segments.begin()); i < segments.size() && !is_over;) {
    auto text = ReadOnlyFile::open(directory_ + "/" + segments[i].name);
    if (!text.has_value() && text.error().code() == Code::kNotFound && is_newest_first) break;  // pruned
    if (!text.has_value()) return text.error();
    Stretch stretch{segments[i].first_event, std::nullopt, std::move(*text)};
    if (i + 1 < segments.size()) stretch.end_event = segments[i + 1].first_event;
    if (page.at.segment != stretch.first_event) {
      const std::uint64_t end = is_newest_first ? CLV_TRY(end_of_lines(stretch.text)) : 0;
      page.at = {end == 0 ? stretch.first_event : *stretch.end_event, stretch.first_event, end};
    }
    if (CLV_TRY(search_segment(stretch, page)) == Outcome::kFull) break;
    is_over = is_newest_first ? i == 0 : i + 1 == segments.size();
    if (!is_over) is_newest_first ? --i : ++i;
  }
  page.result.next = page.at;
  page.result.remaining = is_over ? 0 : bytes_left(segments, request, page.at);
  return std::move(page.result);
}

}  // namespace claviger::audit
