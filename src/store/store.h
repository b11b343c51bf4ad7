// SPDX-License-Identifier: Apache-2.0
#pragma once

// Versioned records, and nothing of what they mean. One folder for each backend; one contract suite
// (testing/store_contract.h) that all of them run.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace claviger::store {

// Counts the batches committed since the store was made: the first is 1.
using Revision = std::uint64_t;
using Bytes = std::vector<std::byte>;

struct Record {
  std::string kind;
  std::string name;        // unique within its kind
  std::uint64_t id = 0;    // ascending in the order of creation, never reused; see Batch::new_id
  Revision revision = 0;   // of the batch that wrote it
  bool deleted = false;    // a tombstone: what is gone stays provably gone
  std::string body;        // JSON; empty in a tombstone
  Bytes sealed;            // opaque
  Bytes mac;               // opaque
  WallTime updated_at{};
};

// A named value outside of the records.
struct Meta {
  std::string name;
  Bytes value;
};

// An audit event that waits to be taken over into the log.
struct OutboxEntry {
  std::uint64_t number = 0;  // ascending, never reused
  std::string event;         // a JSON object
};

// A hot counter's lease (policy/quota.h): no record, and no part of a batch.
struct Counter {
  std::string name;
  std::uint64_t window = 0;
  std::uint64_t leased = 0;
};

// What is committed together, or not at all. Made by whoever knows what records mean.
struct Batch {
  Revision base = 0;  // head() when the batch was made; committed, it becomes base + 1
  struct Write {
    Record record;          // its revision is base + 1
    Revision replaces = 0;  // of the row that is there now, tombstones included; 0: there is none
  };
  std::vector<Write> writes;
  std::vector<Meta> meta;            // each replaces the value of its name
  std::vector<std::string> outbox;   // events, in order

  Revision revision() const noexcept { return base + 1; }
  static constexpr std::size_t kMaxWrites = 1 << 16;
  // The id of the record that writes[index] creates.
  std::uint64_t new_id(std::size_t index) const noexcept { return revision() * kMaxWrites + index; }
};

// Threads: one at a time (the store thread's); every call may block on disk or network.
// Errors: kUnavailable (blame operator) when the backend is down, full or read-only: nothing was changed
// then, and `what` says why; kConflict when somebody else was faster; kInvalid when something is too large to
// be kept (a value over 32 MiB, a number over 2^63 - 1); kInternal when the data cannot be what this wrote.
// After any of them the store goes on working as soon as its cause is gone.
class Store {
 public:
  virtual ~Store() = default;

  virtual Result<Revision> head() = 0;
  // Tombstones included.
  virtual Result<std::optional<Record>> find(std::string_view kind, std::string_view name) = 0;
  // Live records of a kind in the order of names, after `after` ("" for the first), at most `limit`.
  virtual Result<std::vector<Record>> list(std::string_view kind, std::string_view after,
                                           std::size_t limit) = 0;
  // All records, tombstones included, in the order of ids. Ends at the first error of `each`.
  virtual Result<void> for_each(const std::function<Result<void>(Record)>& each) = 0;
  // The records written after `revision`, tombstones included, as they are now, in the order of revisions;
  // whole revisions only, at least one, and no more once there are `limit` records.
  virtual Result<std::vector<Record>> changes_since(Revision revision, std::size_t limit) = 0;
  virtual Result<std::optional<Bytes>> find_meta(std::string_view name) = 0;

  // Durable when it returns (synced). kConflict when head() is not `base` any more, a row is not at the
  // revision that its write replaces, is written twice, or takes an id that another one has.
  virtual Result<Revision> commit(const Batch& batch) = 0;

  // The first entries, at most `limit`.
  virtual Result<std::vector<OutboxEntry>> outbox(std::size_t limit) = 0;
  // These are in the log for good.
  virtual Result<void> forget_outbox(std::span<const std::uint64_t> numbers) = 0;
  // The number of the last entry ever put in; 0 for none.
  virtual Result<std::uint64_t> last_outbox() = 0;
  // Entries from now on are numbered above `number`: for a store that was put back from a backup.
  virtual Result<void> number_outbox_above(std::uint64_t number) = 0;

  virtual Result<std::vector<Counter>> counters() = 0;
  // Replaces each by name. Durable when it returns.
  virtual Result<void> save_counters(std::span<const Counter> counters) = 0;
  virtual Result<void> forget_counters(std::span<const std::string> names) = 0;

  // What was replaced or removed lies in none of its files any more, as far as the file system tells. kUnavailable while somebody
  // else reads.
  virtual Result<void> forget_replaced() = 0;
  // A consistent copy of everything, as one file, 0600; kConflict when that is there already.
  virtual Result<void> back_up(const std::string& file) = 0;
};

}  // namespace claviger::store
