// SPDX-License-Identifier: Apache-2.0
#include "audit/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "audit/line.h"
#include "base/check.h"
#include "crypto/encode.h"
#include "crypto/merkle.h"

namespace claviger::audit {
namespace {

constexpr std::string_view kMagic = "CLVINDX1";
// Of each entry, and the number of them that say yes: about one wrong yes in two thousand.
constexpr std::size_t kBitsPerToken = 16;
constexpr int kProbes = 11;
constexpr std::size_t kFilterStep = 64;
constexpr std::size_t kMostFilter = std::size_t{64} << 10;

// Bounds of what holds lines of which nobody knows the time.
constexpr std::string_view kEarliest = "0000-00-00T00:00:00.000Z";
constexpr std::string_view kLatest = "9999-99-99T99:99:99.999Z";

std::string_view view(const IndexTime& time) noexcept { return {time.data(), time.size()}; }
void set(IndexTime& time, std::string_view to) noexcept { std::ranges::copy(to, time.begin()); }

// --- little-endian numbers and plain bytes, one after the other

class Put {
 public:
  explicit Put(std::string& out) noexcept : out_(out) {}
  void number(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) out_ += static_cast<char>(value >> 8 * i & 255);
  }
  void bytes(std::span<const std::byte> bytes) {
    out_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void bytes(const IndexTime& time) { out_.append(view(time)); }

 private:
  std::string& out_;
};

// Requires: there is as much as is taken.
class Take {
 public:
  explicit Take(std::string_view from) noexcept : from_(from) {}
  std::uint64_t number(std::size_t size) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value |= std::uint64_t{static_cast<unsigned char>(from_[i])} << 8 * i;
    from_.remove_prefix(size);
    return value;
  }
  std::uint32_t word() noexcept { return static_cast<std::uint32_t>(number(4)); }
  void bytes(std::span<std::byte> into) noexcept {
    std::memcpy(into.data(), from_.data(), into.size());
    from_.remove_prefix(into.size());
  }
  void bytes(IndexTime& into) noexcept {
    std::memcpy(into.data(), from_.data(), into.size());
    from_.remove_prefix(into.size());
  }

 private:
  std::string_view from_;
};

bool are_times(const IndexTime& least, const IndexTime& greatest) noexcept {
  return is_canonical_time(view(least)) && is_canonical_time(view(greatest)) && view(least) <= view(greatest);
}

void append_block(std::string& table, const IndexBlock& block) {
  Put put(table);
  put.number(block.offset, 8);
  put.number(block.event, 8);
  put.bytes(block.least);
  put.bytes(block.greatest);
  put.number(block.filter_bytes, 4);
  put.number(block.filter_crc, 4);
}

std::string header_text(const IndexHeader& header) {
  std::string text(kMagic);
  Put put(text);
  put.number(header.first_event, 8);
  put.number(header.events, 8);
  put.number(header.text_bytes, 8);
  put.bytes(header.first_leaf);
  put.bytes(header.last_leaf);
  put.bytes(header.least);
  put.bytes(header.greatest);
  put.number(header.filter_bytes, 8);
  put.number(header.blocks, 4);
  put.number(header.table_crc, 4);
  put.number(crypto::crc32(text), 4);
  return text;
}

// Widens the bounds of a block, or of all of them, which are zero bytes as long as there was no time.
template <class Bounds>
void widen(Bounds& bounds, std::string_view earliest, std::string_view latest) noexcept {
  if (bounds.least[0] == '\0' || earliest < view(bounds.least)) set(bounds.least, earliest);
  if (latest > view(bounds.greatest)) set(bounds.greatest, latest);
}

// The first line of a text, or the last, without its end; empty when there is none.
std::string edge_line(const ReadOnlyFile& text, bool is_first) {
  const std::uint64_t size = std::min<std::uint64_t>(text.size(), kMaxLine + 2);
  std::string piece(static_cast<std::size_t>(size), '\0');
  const auto count = text.read(is_first ? 0 : text.size() - size, piece);
  if (!count.has_value() || *count != size || size == 0) return {};
  if (is_first) return piece.substr(0, piece.find('\n'));
  if (piece.back() != '\n') return {};
  piece.pop_back();
  return piece.substr(piece.rfind('\n') + 1);
}

}  // namespace

std::string index_name(std::uint64_t first_event) { return fmt::format("{:020}.index", first_event); }

std::optional<IndexHeader> parse_index_header(std::string_view bytes) noexcept {
  if (bytes.size() != IndexHeader::kSize || !bytes.starts_with(kMagic)) return std::nullopt;
  Take take(bytes.substr(kMagic.size()));
  IndexHeader header;
  header.first_event = take.number(8);
  header.events = take.number(8);
  header.text_bytes = take.number(8);
  take.bytes(header.first_leaf);
  take.bytes(header.last_leaf);
  take.bytes(header.least);
  take.bytes(header.greatest);
  header.filter_bytes = take.number(8);
  header.blocks = take.word();
  header.table_crc = take.word();
  if (take.word() != crypto::crc32(bytes.substr(0, IndexHeader::kSize - 4))) return std::nullopt;
  const std::uint64_t most_blocks = header.text_bytes / kIndexBlock + 1;
  const bool fits = header.text_bytes <= kMostIndexed && header.blocks > 0 && header.blocks <= most_blocks &&
                    header.events >= header.blocks && header.events <= header.text_bytes &&
                    header.first_event <= UINT64_MAX - header.events &&
                    header.filter_bytes <= header.blocks * kMostFilter &&
                    are_times(header.least, header.greatest);
  return fits ? std::optional(header) : std::nullopt;
}

std::optional<std::vector<IndexBlock>> parse_index_blocks(const IndexHeader& header, std::string_view bytes) {
  if (bytes.size() != header.blocks * IndexBlock::kSize || crypto::crc32(bytes) != header.table_crc)
    return std::nullopt;
  std::vector<IndexBlock> blocks(header.blocks);
  std::uint64_t filter_begin = IndexHeader::kSize + bytes.size();
  for (IndexBlock& block : blocks) {
    Take take(bytes);
    block.offset = take.number(8);
    block.event = take.number(8);
    take.bytes(block.least);
    take.bytes(block.greatest);
    block.filter_bytes = take.word();
    block.filter_crc = take.word();
    block.filter_begin = filter_begin;
    filter_begin += block.filter_bytes;
    bytes.remove_prefix(IndexBlock::kSize);
    if (block.filter_bytes > kMostFilter || !are_times(block.least, block.greatest)) return std::nullopt;
  }
  if (blocks.front().offset != 0 || blocks.front().event != header.first_event ||
      filter_begin != IndexHeader::kSize + header.blocks * IndexBlock::kSize + header.filter_bytes)
    return std::nullopt;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const bool is_last = i + 1 == blocks.size();
    const std::uint64_t end = is_last ? header.text_bytes : blocks[i + 1].offset;
    const std::uint64_t end_event = is_last ? header.first_event + header.events : blocks[i + 1].event;
    if (end <= blocks[i].offset || end - blocks[i].offset > kIndexBlock + kMaxLine ||
        end_event <= blocks[i].event)
      return std::nullopt;
  }
  return blocks;
}

namespace {

// FNV-1a, gone on with from `hash`.
constexpr std::uint64_t fnv(std::uint64_t hash, std::string_view bytes) noexcept {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// Of "<term>=".
constexpr std::array<std::uint64_t, kTermCount> kTermHashes = [] {
  std::array<std::uint64_t, kTermCount> hashes{};
  for (std::size_t i = 0; i < kTermCount; ++i)
    hashes[i] = fnv(fnv(0xcbf29ce484222325, term_name(static_cast<Term>(i))), "=");
  return hashes;
}();

}  // namespace

// FNV-1a of "<term>=<value>", and then the finish of MurmurHash3, so that all bits depend on all bytes.
std::uint64_t index_token(Term term, std::string_view value) noexcept {
  std::uint64_t hash = fnv(kTermHashes[static_cast<std::size_t>(term)], value);
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
  return hash ^ hash >> 33;
}

namespace {

// Calls `probe(byte, mask)` for each bit of the token, until one says no.
template <class Probe>
bool for_each_bit(std::size_t filter_size, std::uint64_t token, Probe&& probe) noexcept {
  const auto bits = static_cast<std::uint32_t>(filter_size * 8);
  auto at = static_cast<std::uint32_t>(token);
  const std::uint32_t step = static_cast<std::uint32_t>(token >> 32) | 1U;
  for (int i = 0; i < kProbes; ++i, at += step) {
    const std::uint32_t bit = at % bits;
    if (!probe(bit / 8, static_cast<unsigned char>(1U << bit % 8))) return false;
  }
  return true;
}

}  // namespace

void add_token(std::string& filter, std::uint64_t token) noexcept {
  for_each_bit(filter.size(), token, [&](std::size_t byte, unsigned char mask) {
    filter[byte] = static_cast<char>(static_cast<unsigned char>(filter[byte]) | mask);
    return true;
  });
}

bool has_token(std::string_view filter, std::uint64_t token) noexcept {
  return filter.empty() || for_each_bit(filter.size(), token, [&](std::size_t byte, unsigned char mask) {
           return (static_cast<unsigned char>(filter[byte]) & mask) != 0;
         });
}

// --- IndexBuilder

IndexBuilder::IndexBuilder(std::uint64_t first_event) {
  header_.first_event = first_event;
  block_.event = first_event;
}

void IndexBuilder::add(std::string_view lines) {
  CLV_CHECK(lines.ends_with('\n'));
  if (header_.events == 0) header_.first_leaf = crypto::merkle_leaf(lines.substr(0, lines.find('\n')));
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    add_line(line);
    lines.remove_prefix(end + 1);
    if (lines.empty()) last_line_ = line;
    if (block_bytes_ >= kIndexBlock) end_block();
  }
}

void IndexBuilder::add_line(std::string_view line) {
  block_bytes_ += line.size() + 1;
  header_.text_bytes += line.size() + 1;
  ++header_.events;
  EventFields fields;
  if (!scan_fields(line, fields)) {
    block_is_plain_ = false;
    return;
  }
  widen(block_, fields[Field::kTime], fields[Field::kTime]);
  for_each_term(fields,
                [this](Term term, std::string_view value) { tokens_.insert(index_token(term, value)); });
}

void IndexBuilder::end_block() {
  std::string filter;
  if (block_is_plain_) {
    const std::size_t bytes = (tokens_.size() * kBitsPerToken / 8 / kFilterStep + 1) * kFilterStep;
    filter.assign(std::min(bytes, kMostFilter), '\0');
    tokens_.for_each([&](std::uint64_t token) { add_token(filter, token); });
  } else {
    set(block_.least, kEarliest);
    set(block_.greatest, kLatest);
  }
  block_.filter_bytes = static_cast<std::uint32_t>(filter.size());
  block_.filter_crc = crypto::crc32(filter);
  append_block(table_, block_);
  filters_ += filter;
  ++header_.blocks;
  widen(header_, view(block_.least), view(block_.greatest));
  block_ = {.offset = header_.text_bytes, .event = header_.first_event + header_.events};
  block_bytes_ = 0;
  block_is_plain_ = true;
  tokens_.clear();
}

std::string IndexBuilder::finish() {
  CLV_CHECK(header_.events > 0);
  if (block_bytes_ > 0) end_block();
  header_.last_leaf = crypto::merkle_leaf(last_line_);
  header_.filter_bytes = filters_.size();
  header_.table_crc = crypto::crc32(table_);
  return header_text(header_) + table_ + filters_;
}

// --- SegmentIndex

std::optional<SegmentIndex> SegmentIndex::open(const std::string& directory, std::uint64_t first_event,
                                               std::uint64_t end_event, const ReadOnlyFile& text) {
  auto file = ReadOnlyFile::open(directory + "/" + index_name(first_event));
  if (!file.has_value()) return std::nullopt;
  std::string bytes(IndexHeader::kSize, '\0');
  auto count = file->read(0, bytes);
  if (!count.has_value() || *count != bytes.size()) return std::nullopt;
  const auto header = parse_index_header(bytes);
  if (!header || header->first_event != first_event || header->events != end_event - first_event ||
      header->text_bytes != text.size())
    return std::nullopt;
  const std::uint64_t table_size = header->blocks * IndexBlock::kSize;
  if (file->size() != IndexHeader::kSize + table_size + header->filter_bytes) return std::nullopt;
  if (crypto::merkle_leaf(edge_line(text, true)) != header->first_leaf ||
      crypto::merkle_leaf(edge_line(text, false)) != header->last_leaf)
    return std::nullopt;
  bytes.assign(table_size, '\0');
  count = file->read(IndexHeader::kSize, bytes);
  if (!count.has_value() || *count != bytes.size()) return std::nullopt;
  auto blocks = parse_index_blocks(*header, bytes);
  if (!blocks) return std::nullopt;
  return SegmentIndex(std::move(*file), *header, std::move(*blocks));
}

namespace {

bool may_have_time(const IndexTime& least, const IndexTime& greatest, const Filter& filter) noexcept {
  return (filter.from().empty() || view(greatest) >= filter.from()) &&
         (filter.to().empty() || view(least) < filter.to());
}

bool may_have_value(std::string_view bloom, Term term, const Filter& filter) {
  if (term == Term::kStatus)
    return std::ranges::any_of(filter.statuses(), [&](const Filter::Statuses& wanted) {
      for (std::uint32_t status = wanted.least; status <= wanted.most; ++status)
        if (has_token(bloom, index_token(term, std::to_string(status)))) return true;
      return false;
    });
  return std::ranges::any_of(filter.values(term), [&](std::string_view wanted) {
    return (term == Term::kType && wanted.ends_with('*')) || has_token(bloom, index_token(term, wanted));
  });
}

}  // namespace

bool SegmentIndex::may_match(const Filter& filter) const noexcept {
  return may_have_time(header_.least, header_.greatest, filter);
}

bool SegmentIndex::may_match(std::size_t block, const Filter& filter) const {
  const IndexBlock& at = blocks_[block];
  if (!may_have_time(at.least, at.greatest, filter)) return false;
  if (filter.terms() == 0 || at.filter_bytes == 0) return true;
  std::string bloom(at.filter_bytes, '\0');
  const auto count = file_.read(at.filter_begin, bloom);
  // What cannot be read, or was damaged, rules nothing out.
  if (!count.has_value() || *count != bloom.size() || crypto::crc32(bloom) != at.filter_crc) return true;
  for (std::size_t i = 0; i < kTermCount; ++i)
    if ((filter.terms() >> i & 1) != 0 && !may_have_value(bloom, static_cast<Term>(i), filter)) return false;
  return true;
}

std::uint64_t SegmentIndex::end_offset(std::size_t block) const noexcept {
  return block + 1 < blocks_.size() ? blocks_[block + 1].offset : header_.text_bytes;
}

std::uint64_t SegmentIndex::end_event(std::size_t block) const noexcept {
  return block + 1 < blocks_.size() ? blocks_[block + 1].event : header_.first_event + header_.events;
}

std::size_t SegmentIndex::block_of(std::uint64_t offset) const noexcept {
  const auto behind = std::ranges::upper_bound(blocks_, offset, {}, &IndexBlock::offset);
  return static_cast<std::size_t>(behind - blocks_.begin()) - 1;
}

}  // namespace claviger::audit
