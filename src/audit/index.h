// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event_fields.h"
#include "audit/filter.h"
#include "audit/line.h"
#include "audit/log_copy.h"
#include "audit/token_set.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace claviger::audit {

// The index of a segment that has ended (docs/formats/audit_index.md), in a file beside it: for each block of its text which times
// it has, and a Bloom filter of what can be searched for in it. It spares searches the reading of blocks that
// have nothing for them, and no more: it can be removed at any time, and is made of the text alone.
//
// It is not signed. What is damaged, of another text, or contradicts the text is not used; but whoever can write the
// directory can make one that hides events from a search. That is why searches can be told to do without.

std::string index_name(std::uint64_t first_event);

// A block ends with the line that makes it this long.
inline constexpr std::size_t kIndexBlock = std::size_t{256} << 10;
// Segments below this are read faster than an index is; above that, an index would take too much memory to make.
inline constexpr std::uint64_t kLeastIndexed = 2 * kIndexBlock;
inline constexpr std::uint64_t kMostIndexed = std::uint64_t{4} << 30;

using IndexTime = std::array<char, kTimeSize>;

struct IndexHeader {
  static constexpr std::size_t kSize = 164;
  std::uint64_t first_event = 0;
  std::uint64_t events = 0;
  std::uint64_t text_bytes = 0;
  crypto::Sha256Digest first_leaf{};  // of the text's first line, and of its last
  crypto::Sha256Digest last_leaf{};
  IndexTime least{};
  IndexTime greatest{};
  std::uint64_t filter_bytes = 0;
  std::uint32_t blocks = 0;
  std::uint32_t table_crc = 0;
};
struct IndexBlock {
  static constexpr std::size_t kSize = 72;
  std::uint64_t offset = 0;  // of its text
  std::uint64_t event = 0;  // the first
  IndexTime least{};
  IndexTime greatest{};
  std::uint32_t filter_bytes = 0;  // 0: there are lines in it that are no events; it is always looked through
  std::uint32_t filter_crc = 0;
  std::uint64_t filter_begin = 0;  // in the file; reckoned
};
// Nothing for what is no index, or one that does not fit itself. What they give is within bounds: offsets and events ascend
// from the header's, no block is larger than a block may be, the filters lie behind the table.
std::optional<IndexHeader> parse_index_header(std::string_view bytes) noexcept;
std::optional<std::vector<IndexBlock>> parse_index_blocks(const IndexHeader& header, std::string_view bytes);

// What a filter holds of a value, and whether it does. A filter may say yes for what it does not hold, about once in two thousand times.
std::uint64_t index_token(Term term, std::string_view value) noexcept;
void add_token(std::string& filter, std::uint64_t token) noexcept;
bool has_token(std::string_view filter, std::uint64_t token) noexcept;

// Makes an index out of a segment's text. Memory: about 1.5% of the text.
class IndexBuilder {
 public:
  explicit IndexBuilder(std::uint64_t first_event);

  // Lines that follow, each with its end. Requires: at least one.
  void add(std::string_view lines);
  std::uint64_t bytes() const noexcept { return header_.text_bytes; }
  std::uint64_t events() const noexcept { return header_.events; }
  // The file. Requires: there were lines. Nothing is added any more.
  std::string finish();

 private:
  void add_line(std::string_view line);
  void end_block();

  IndexHeader header_;
  IndexBlock block_;
  std::uint64_t block_bytes_ = 0;
  bool block_is_plain_ = true;  // all of its lines are events
  TokenSet tokens_;  // of the block
  std::string last_line_;
  std::string table_, filters_;
};

// An index that belongs to a segment, opened.
class SegmentIndex {
 public:
  // `text`: of the segment of [first_event, end_event). Nothing when there is none, or none that belongs to this text.
  static std::optional<SegmentIndex> open(const std::string& directory, std::uint64_t first_event,
                                          std::uint64_t end_event, const ReadOnlyFile& text);

  // Whether the segment, or a block of it, may have lines that `filter` matches.
  bool may_match(const Filter& filter) const noexcept;
  bool may_match(std::size_t block, const Filter& filter) const;

  std::size_t size() const noexcept { return blocks_.size(); }
  const IndexBlock& operator[](std::size_t block) const noexcept { return blocks_[block]; }
  std::uint64_t end_offset(std::size_t block) const noexcept;
  std::uint64_t end_event(std::size_t block) const noexcept;
  // The block of the byte at `offset`. Requires: it is in the text.
  std::size_t block_of(std::uint64_t offset) const noexcept;

 private:
  SegmentIndex(ReadOnlyFile file, const IndexHeader& header, std::vector<IndexBlock> blocks)
      : file_(std::move(file)), header_(header), blocks_(std::move(blocks)) {}

  ReadOnlyFile file_;
  IndexHeader header_;
  std::vector<IndexBlock> blocks_;
};

}  // namespace claviger::audit
