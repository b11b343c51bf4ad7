// SPDX-License-Identifier: Apache-2.0
// The reader of indexes: whatever a file holds, what it takes for one keeps within its bounds. The checksums are made right, or
// no input would get past them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "audit/index.h"
#include "crypto/encode.h"
#include "fuzz_check.h"

using claviger::audit::IndexBlock;
using claviger::audit::IndexHeader;
using claviger::fuzz::expect;

namespace {

void put_crc(std::string& text, std::size_t at, std::string_view of) {
  const std::uint32_t crc = claviger::crypto::crc32(of);
  for (unsigned i = 0; i < 4; ++i) text[at + i] = static_cast<char>(crc >> 8 * i & 255);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  (void)claviger::audit::parse_index_header(text);
  if (size < IndexHeader::kSize) return 0;
  const std::string_view table = std::string_view(text).substr(IndexHeader::kSize);
  put_crc(text, IndexHeader::kSize - 8, table);
  put_crc(text, IndexHeader::kSize - 4, std::string_view(text).substr(0, IndexHeader::kSize - 4));
  const auto header = claviger::audit::parse_index_header(text.substr(0, IndexHeader::kSize));
  if (!header) return 0;
  const auto blocks = claviger::audit::parse_index_blocks(*header, table);
  if (!blocks) return 0;
  expect(blocks->size() == header->blocks && !blocks->empty(), "as many blocks as it says");
  std::uint64_t filters = IndexHeader::kSize + table.size(), offset = 0, event = header->first_event;
  for (const IndexBlock& block : *blocks) {
    expect(&block == &blocks->front() ? block.offset == 0 : block.offset > offset, "offsets ascend");
    expect(&block == &blocks->front() ? block.event == event : block.event > event, "events ascend");
    expect(block.offset < header->text_bytes, "blocks are in the text");
    expect(block.filter_begin == filters, "filters follow each other");
    offset = block.offset;
    event = block.event;
    filters += block.filter_bytes;
  }
  expect(filters == IndexHeader::kSize + table.size() + header->filter_bytes, "and end where it says");
  return 0;
}
