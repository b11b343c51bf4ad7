// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "doors/externaldns/record_type.h"

namespace claviger::doors::externaldns {

// One record as the server has it. Views into its table.
struct LiveRecord {
  std::string_view name;    // where it is kept
  RecordType type;
  std::uint32_t ttl;
  std::string_view target;  // canonical; empty where it is opaque
  // Form fields that say which record it is, where its target does not: a TXT record's strings, cut in a way of their own.
  std::string_view identity;
  // Form fields that have to be said again when it is changed in place, or they are lost: comments, disabled, glue.
  std::string_view options;
  // It is there, and what it says has no form here: not to be shown, and not to be written over.
  bool is_opaque = false;
};

// Records of a zone, many and small: 32 bytes each, and their text once in one place. Opaque ones are found by name and type alone: they are
// in no row.
class RecordTable {
 public:
  static constexpr std::size_t kMostRecords = 1'000'000;
  static constexpr std::size_t kMostBytes = std::size_t{96} << 20;  // rows and text

  // Several may take from one number of bytes, besides their own. Requires: nothing is in it yet; `room` outlives it.
  void draw_on(std::size_t& room) noexcept { room_ = &room; }

  // kUpstreamFailed: there are more than that.
  Result<void> add(const LiveRecord& record);
  // There is a record of a type at `name` that does not go through the door. The same error.
  Result<void> add_other(std::string_view name);
  void note_soa_expire(std::uint32_t seconds) noexcept { soa_expire_ = seconds; }
  // By name, type, target; before what is below.
  void sort();
  std::size_t size() const noexcept { return rows_.size(); }
  LiveRecord at(std::size_t row) const noexcept;
  // Row after the last that has the name and type of the one at `first`.
  std::size_t end_of_set(std::size_t first) const noexcept;
  // The server takes no TTL above it. 0: it was not listed.
  std::uint32_t soa_expire() const noexcept { return soa_expire_; }
  bool has_other(std::string_view name) const noexcept;
  // Opaque ones last.
  std::vector<LiveRecord> find(std::string_view name, RecordType type) const;

 private:
  struct Text {
    std::uint32_t at, size;
  };
  struct Row {
    Text name, target, more;  // more: identity, a line end, options
    std::uint32_t ttl;
    RecordType type;
  };
  Result<void> take(std::size_t text_bytes);
  Text keep(std::string_view text);
  LiveRecord live(const Row& row) const noexcept;
  std::string_view text(Text where) const noexcept {
    return std::string_view(text_).substr(where.at, where.size);
  }

  std::size_t* room_ = nullptr;  // null: its own alone
  std::vector<Row> rows_, opaque_;
  std::vector<Text> others_;  // names
  std::uint32_t soa_expire_ = 0;
  std::string text_;
};

}  // namespace claviger::doors::externaldns
