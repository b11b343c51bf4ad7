// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "doors/externaldns/answer_sink.h"
#include "doors/externaldns/record_table.h"

namespace claviger::doors::externaldns {

// Takes the answer of `records/get` as it comes, and fills a table with what is of a type that goes through the door. The zone's own
// SOA and NS records are left out.
class RecordSink final : public AnswerSink {
 public:
  // Of one record. The server's own, of any type, take less; what is more counts as unreadable.
  static constexpr std::size_t kMostFields = 64;
  static constexpr std::size_t kMostStrings = 300;
  static constexpr std::size_t kMostText = std::size_t{512} << 10;
  static constexpr std::size_t kMostComment = std::size_t{64} << 10;  // and of glue

  RecordSink(std::string_view zone, RecordTable& into) : zone_(zone), into_(into) {}

  // Once all is read, besides what AnswerSink has. Of which zone it is: where that is another than was asked for, it is one above it;
  // and what the zone is for the node.
  const std::string& zone_name() const noexcept { return zone_name_; }
  const std::string& zone_type() const noexcept { return zone_type_; }
  // Records that cannot be shown, and why the first of them. Those of a name that could be asked for are in the table, as opaque.
  std::size_t unreadable() const noexcept { return unreadable_; }
  const std::string& why_unreadable() const noexcept { return why_unreadable_; }

  Result<void> begin_object() override;
  Result<void> end_object() override;
  Result<void> begin_array() override;
  Result<void> end_array() override;

 private:
  enum class At : std::uint8_t {
    kOutside,
    kTop,
    kResponse,
    kZone,
    kRecords,
    kRow,
    kGlue,
    kRData,
    kParameters,
    kStrings,
    kSkip
  };
  struct RowText {
    std::string name, type, ttl, comments, expiry, glue;
    bool is_disabled = false;
    std::size_t bytes = 0;  // that are held for it
    bool is_too_large = false;
  };
  Result<void> scalar(std::string_view text) override;
  Result<void> enter(At at);
  Result<void> enter_or_skip(bool may, At at);
  void row_scalar(std::string_view text);
  bool has_room(std::size_t bytes) noexcept;
  void keep(std::string& into, std::string_view text, std::size_t most);
  void keep_field(std::string_view name, std::string_view value);
  Result<void> end_row();
  Result<void> add_row(RecordType type);
  Result<void> add_other();
  struct Value;
  Result<Value> value_of_row(RecordType type) const;
  void note_unreadable(std::string_view why);
  Result<std::string> service_identity(RecordType type, std::string_view target) const;
  std::string options_of_row() const;

  const std::string zone_;
  RecordTable& into_;
  At at_ = At::kOutside;
  std::vector<At> before_;
  RowText row_;
  RData rdata_;
  std::string zone_name_, zone_type_;
  std::size_t unreadable_ = 0;
  std::string why_unreadable_;
};

}  // namespace claviger::doors::externaldns
