// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/record_table.h"

#include <algorithm>
#include <tuple>

namespace claviger::doors::externaldns {

RecordTable::Text RecordTable::keep(std::string_view text) {
  const Text where{static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(text.size())};
  text_ += text;
  return where;
}

// Of one row more, and its text.
Result<void> RecordTable::take(std::size_t text_bytes) {
  const std::size_t rows = rows_.size() + opaque_.size() + others_.size();
  if (rows == kMostRecords)
    return Error(Code::kUpstreamFailed, Blame::kUpstream, "the server lists more than 1,000,000 records");
  if (text_.size() + text_bytes + (rows + 1) * sizeof(Row) > kMostBytes)
    return Error(Code::kUpstreamFailed, Blame::kUpstream, "the server lists more than 96 MiB of records");
  if (room_ == nullptr) return ok();
  if (text_bytes + sizeof(Row) > *room_)
    return Error(Code::kUpstreamFailed, Blame::kUpstream, "the zones of these changes have too many records");
  *room_ -= text_bytes + sizeof(Row);
  return ok();
}

Result<void> RecordTable::add_other(std::string_view name) {
  if (!others_.empty() && text(others_.back()) == name) return ok();
  CLV_TRY_VOID(take(name.size()));
  others_.push_back(keep(name));
  return ok();
}

Result<void> RecordTable::add(const LiveRecord& record) {
  CLV_TRY_VOID(
      take(record.name.size() + record.target.size() + record.identity.size() + 1 + record.options.size()));
  Row row{.name = {}, .target = keep(record.target), .more = {0, 0}, .ttl = record.ttl, .type = record.type};
  std::vector<Row>& rows_of_it = record.is_opaque ? opaque_ : rows_;
  // Rows of a name come one after the other.
  const bool is_same = !rows_of_it.empty() && text(rows_of_it.back().name) == record.name;
  row.name = is_same ? rows_of_it.back().name : keep(record.name);
  if (!record.identity.empty() || !record.options.empty()) {
    row.more = keep(record.identity);
    row.more.size += keep("\n").size;
    row.more.size += keep(record.options).size;
  }
  rows_of_it.push_back(row);
  return ok();
}

void RecordTable::sort() {
  const auto is_less = [this](const Row& a, const Row& b) {
    return std::tuple(text(a.name), a.type, text(a.target)) <
           std::tuple(text(b.name), b.type, text(b.target));
  };
  std::ranges::sort(rows_, is_less);
  std::ranges::sort(opaque_, is_less);
  std::ranges::sort(others_, {}, [this](Text name) { return text(name); });
}

LiveRecord RecordTable::live(const Row& row) const noexcept {
  const std::string_view more = text(row.more);
  const std::size_t end = std::min(more.find('\n'), more.size());
  return {.name = text(row.name),
          .type = row.type,
          .ttl = row.ttl,
          .target = text(row.target),
          .identity = more.substr(0, end),
          .options = end < more.size() ? more.substr(end + 1) : std::string_view()};
}

bool RecordTable::has_other(std::string_view name) const noexcept {
  return std::ranges::binary_search(others_, name, {}, [this](Text other) { return text(other); });
}

LiveRecord RecordTable::at(std::size_t row) const noexcept { return live(rows_[row]); }

std::size_t RecordTable::end_of_set(std::size_t first) const noexcept {
  const Row& one = rows_[first];
  std::size_t end = first + 1;
  while (end < rows_.size() && rows_[end].type == one.type && text(rows_[end].name) == text(one.name)) ++end;
  return end;
}

std::vector<LiveRecord> RecordTable::find(std::string_view name, RecordType type) const {
  const auto key = [this](const Row& row) { return std::tuple(text(row.name), row.type); };
  std::vector<LiveRecord> records;
  for (const Row& row : std::ranges::equal_range(rows_, std::tuple(name, type), {}, key))
    records.push_back(live(row));
  for (const Row& row : std::ranges::equal_range(opaque_, std::tuple(name, type), {}, key)) {
    records.push_back(live(row));
    records.back().is_opaque = true;
  }
  return records;
}

}  // namespace claviger::doors::externaldns
