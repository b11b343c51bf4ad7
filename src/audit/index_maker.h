// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "audit/index.h"
#include "audit/log_copy.h"
#include "base/result.h"

namespace claviger::audit {

// Whether indexes may be made in a log's directory: it can be written, and so much is free that the log itself will not
// want for it.
bool may_make_index(const std::string& directory);

// Makes the index of one segment, a slice at a time, so that nobody waits long for it, and puts it in its place: a crash leaves
// the index that was there, or the new one, or none. The file is 0600, and belongs to whom the directory belongs to.
class IndexMaker {
 public:
  // Of the segment of [first_event, end_event), which has ended. kNotFound when it is not there; kInvalid when it cannot
  // have an index.
  static Result<IndexMaker> begin(std::string directory, std::uint64_t first_event, std::uint64_t end_event);

  std::uint64_t first_event() const noexcept { return first_event_; }
  // Reads about `bytes` more. True when the index is in its place. kInvalid when the text is not what a segment's is.
  Result<bool> step(std::uint64_t bytes);

 private:
  IndexMaker(std::string directory, std::uint64_t first_event, std::uint64_t end_event, ReadOnlyFile text);
  Result<void> save();

  std::string directory_;
  std::uint64_t first_event_, end_event_;
  ReadOnlyFile text_;
  std::unique_ptr<IndexBuilder> builder_;
};

struct IndexedLog {
  std::uint64_t made = 0;
  std::uint64_t kept = 0;  // were there, and belong to their text
  std::uint64_t without = 0;  // segments that need none, or cannot have one
  std::uint64_t bytes = 0;  // of text, of those that were made
};
// Makes the indexes of all segments that have ended; with `rebuild` also those that are there. `progress` is called now and
// then with the bytes of text that were looked at and those there are.
Result<IndexedLog> make_indexes(const std::string& directory, bool rebuild,
                                const std::function<void(std::uint64_t, std::uint64_t)>& progress);

}  // namespace claviger::audit
