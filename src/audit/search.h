// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "audit/filter.h"
#include "audit/index_maker.h"
#include "audit/log_place.h"
#include "audit/reader.h"
#include "base/clock.h"
#include "base/result.h"

namespace claviger::audit {

enum class Order : std::uint8_t { kNewestFirst, kOldestFirst };

// A search, or how it goes on: what one page of it may take.
struct SearchRequest {
  Filter filter;
  Order order = Order::kNewestFirst;
  // Where it goes on, a page's `next` of the same order (of the other one as well: the place lies between two lines).
  // Nothing: at the end of the log, or at its beginning.
  std::optional<LogPlace> at;
  std::size_t most = 100;  // lines
  std::size_t bytes = std::size_t{1} << 20;  // of lines; at least one is given
  std::chrono::milliseconds work{150};  // looked for so long, about
  std::uint64_t work_bytes = UINT64_MAX;  // or until so much text was looked through, about
  bool use_index = true;  // also: make what is missing
};

struct SearchPage {
  std::string lines;  // with their ends, in the order that was asked for
  std::uint64_t events = 0;  // of them
  LogPlace next;  // where it goes on
  std::uint64_t remaining = 0;  // bytes of text that were not looked at, about; 0: there is nothing more
  std::uint64_t unreadable =
      0;  // lines that may have been meant, and are no events as the gateway writes them
};

// Looks for events in a log, or in a copy of one, page by page, also while it is written, rotated and pruned. It is a
// convenience: nothing is verified, and whoever can write the directory can hide events from it (audit/index.h).
//
// An index that is missing is made when a search comes to its segment, where that is possible; while it is made, pages
// come without lines. One that turns out to be wrong is not used again.
//
// Threads: one at a time; everything blocks, for about SearchRequest::work. Memory: a page, and the index that is being
// made. Errors: as audit/reader.h has them; kInvalid (blame: operator) where the text is no lines.
class Searcher {
 public:
  // `clock` outlives it.
  Searcher(std::string directory, const Clock& clock) : directory_(std::move(directory)), clock_(clock) {}

  Result<SearchPage> search(const SearchRequest& request);

 private:
  struct Page;
  struct Stretch;
  enum class Outcome : std::uint8_t { kGoOn, kFull, kWrongIndex };

  Result<LogPlace> start_of(const SearchRequest& request) const;
  Result<std::optional<SegmentIndex>> index_of(const Stretch& stretch, Page& page);
  Result<Outcome> search_segment(const Stretch& stretch, Page& page);
  std::uint64_t bytes_left(const std::vector<Segment>& segments, const SearchRequest& request,
                           LogPlace at) const;

  std::string directory_;
  const Clock& clock_;
  std::unique_ptr<IndexMaker> maker_;
  std::set<std::uint64_t> wrong_;  // indexes that contradicted their text
  std::optional<Monotonic> make_none_until_;  // after one could not be made
};

}  // namespace claviger::audit
