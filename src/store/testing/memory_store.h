// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace claviger::store::testing {

// What a memory store keeps; outlives it when the test holds on to it. Open to be tampered with.
struct MemoryDisk {
  struct State {
    Revision head = 0;
    std::map<std::pair<std::string, std::string>, Record> records;  // by kind and name
    std::map<std::string, Bytes, std::less<>> meta;
    std::deque<OutboxEntry> outbox;
    std::uint64_t last_outbox = 0;
    std::map<std::string, Counter, std::less<>> counters;
  };
  State state;
  std::map<std::string, State> backups;  // by file; the file itself is empty

  // The row, or nullptr.
  Record* row(const std::string& kind, const std::string& name) {
    const auto found = state.records.find({kind, name});
    return found == state.records.end() ? nullptr : &found->second;
  }
};

// A store that forgets. In a header, so that tests of other modules need not link anything.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>())
      : disk_(std::move(disk)), state_(disk_->state) {}

  MemoryDisk& disk() noexcept { return *disk_; }
  // From now on whatever writes, or all calls, end in kUnavailable.
  void fail_writes(bool is_failing) noexcept { is_full_ = is_failing; }
  void fail_everything(bool is_failing) noexcept { is_down_ = is_failing; }

  Result<Revision> head() override {
    CLV_TRY_VOID(readable());
    return state_.head;
  }

  Result<std::optional<Record>> find(std::string_view kind, std::string_view name) override {
    CLV_TRY_VOID(readable());
    const Record* const row = disk_->row(std::string(kind), std::string(name));
    return row == nullptr ? std::optional<Record>() : *row;
  }

  Result<std::vector<Record>> list(std::string_view kind, std::string_view after,
                                   std::size_t limit) override {
    CLV_TRY_VOID(readable());
    std::vector<Record> found;
    auto row = state_.records.upper_bound({std::string(kind), std::string(after)});
    for (; row != state_.records.end() && row->first.first == kind && found.size() < limit; ++row)
      if (!row->second.deleted) found.push_back(row->second);
    return found;
  }

  Result<void> for_each(const std::function<Result<void>(Record)>& each) override {
    CLV_TRY_VOID(readable());
    for (Record& record : sorted([](const Record& row) { return std::pair(row.id, row.id); }))
      CLV_TRY_VOID(each(std::move(record)));
    return ok();
  }

  Result<std::vector<Record>> changes_since(Revision revision, std::size_t limit) override {
    CLV_TRY_VOID(readable());
    std::vector<Record> found;
    for (Record& record : sorted([](const Record& row) { return std::pair(row.revision, row.id); })) {
      if (record.revision <= revision) continue;
      if (!found.empty() && found.size() >= limit && found.back().revision != record.revision) break;
      found.push_back(std::move(record));
    }
    return found;
  }

  Result<std::optional<Bytes>> find_meta(std::string_view name) override {
    CLV_TRY_VOID(readable());
    const auto found = state_.meta.find(name);
    return found == state_.meta.end() ? std::optional<Bytes>() : found->second;
  }

  Result<Revision> commit(const Batch& batch) override {
    CLV_TRY_VOID(writable());
    if (batch.writes.size() > Batch::kMaxWrites)
      return Error(Code::kInvalid, Blame::kCaller, "over 65536 records in one change");
    if (batch.base != state_.head) return changed();
    MemoryDisk::State next = state_;
    for (const Batch::Write& write : batch.writes) CLV_TRY_VOID(apply(next, write, batch.revision()));
    if (!batch.writes.empty() && has_doubled_id(next)) return changed();
    for (const Meta& meta : batch.meta) next.meta[meta.name] = meta.value;
    for (const std::string& event : batch.outbox) next.outbox.push_back({++next.last_outbox, event});
    next.head = batch.revision();
    state_ = std::move(next);
    return state_.head;
  }

  Result<std::vector<OutboxEntry>> outbox(std::size_t limit) override {
    CLV_TRY_VOID(readable());
    const auto count = static_cast<std::ptrdiff_t>(std::min(limit, state_.outbox.size()));
    return std::vector(state_.outbox.begin(), state_.outbox.begin() + count);
  }

  Result<void> forget_outbox(std::span<const std::uint64_t> numbers) override {
    CLV_TRY_VOID(writable());
    std::erase_if(state_.outbox, [&](const OutboxEntry& entry) {
      return std::ranges::find(numbers, entry.number) != numbers.end();
    });
    return ok();
  }

  Result<std::uint64_t> last_outbox() override {
    CLV_TRY_VOID(readable());
    return state_.last_outbox;
  }

  Result<void> number_outbox_above(std::uint64_t number) override {
    CLV_TRY_VOID(writable());
    state_.last_outbox = std::max(state_.last_outbox, number);
    return ok();
  }

  Result<std::vector<Counter>> counters() override {
    CLV_TRY_VOID(readable());
    std::vector<Counter> found;
    for (const auto& [name, counter] : state_.counters) found.push_back(counter);
    return found;
  }

  Result<void> save_counters(std::span<const Counter> counters) override {
    CLV_TRY_VOID(writable());
    for (const Counter& counter : counters) state_.counters[counter.name] = counter;
    return ok();
  }

  Result<void> forget_counters(std::span<const std::string> names) override {
    CLV_TRY_VOID(writable());
    for (const std::string& name : names) state_.counters.erase(name);
    return ok();
  }

  Result<void> forget_replaced() override { return writable(); }

  Result<void> back_up(const std::string& file) override {
    CLV_TRY_VOID(readable());
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
      return Error::from_errno(errno == EEXIST ? Code::kConflict : Code::kUnavailable, Blame::kOperator, file,
                               errno);
    ::fchmod(fd, 0600);
    ::close(fd);
    disk_->backups[file] = state_;
    return ok();
  }

 private:
  Result<void> readable() const {
    if (!is_down_) return ok();
    return Error(Code::kUnavailable, Blame::kOperator, "the store is made to fail");
  }
  Result<void> writable() const {
    CLV_TRY_VOID(readable());
    if (!is_full_) return ok();
    return Error(Code::kUnavailable, Blame::kOperator, "the store is made to fail writes");
  }
  static Error changed() { return {Code::kConflict, Blame::kCaller, "it was changed by somebody else"}; }

  static Result<void> apply(MemoryDisk::State& state, const Batch::Write& write, Revision revision) {
    const std::pair key(write.record.kind, write.record.name);
    const auto row = state.records.find(key);
    const Revision there = row == state.records.end() ? 0 : row->second.revision;
    if (write.replaces != there || there == revision) return changed();
    Record& stored = state.records[key] = write.record;
    stored.revision = revision;
    return ok();
  }

  static bool has_doubled_id(const MemoryDisk::State& state) {
    std::vector<std::uint64_t> ids;
    for (const auto& [key, record] : state.records) ids.push_back(record.id);
    std::ranges::sort(ids);
    return std::ranges::adjacent_find(ids) != ids.end();
  }

  template <class Rank>
  std::vector<Record> sorted(Rank rank) const {
    std::vector<Record> all;
    for (const auto& [key, record] : state_.records) all.push_back(record);
    std::ranges::sort(all, {}, rank);
    return all;
  }

  std::shared_ptr<MemoryDisk> disk_;
  MemoryDisk::State& state_;
  bool is_full_ = false;
  bool is_down_ = false;
};

}  // namespace claviger::store::testing
