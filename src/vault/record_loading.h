// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"
#include "vault/key_holder.h"
#include "vault/record_guard.h"
#include "vault/record_verdict.h"
#include "vault/register.h"

namespace claviger::vault {

// kInternal: the register's head is older than what it is about.
Error stale_head();
// kConflict: somebody else wrote.
Error changed_meanwhile();
// The head, which must be that of `revision`. Errors as these two, and as read_head().
Result<RegisterHead> read_current_head(KeyHolder& keys, store::Store& store, store::Revision revision);
// Whether a record that this gateway made shows the head to be older than it.
bool is_newer_than(const RegisterHead& head, const store::Record& record, Verdict verdict) noexcept;

// One pass over all records, beside the register.
class RecordLoading {
 public:
  explicit RecordLoading(KeyHolder& keys) noexcept : keys_(keys) {}

  Result<void> read_register(store::Store& store, store::Revision revision);
  // Whether the record is good; else its fault is noted.
  Result<bool> admit(const store::Record& record);
  // All that was found, and what was never seen.
  std::vector<RecordFault> finish() &&;

 private:
  void note(std::string_view kind, std::string_view name, std::string_view what);
  void note_part(std::uint8_t number, PartState state);
  // Its place in entries_, or entries_.size().
  std::size_t find(const store::Record& record) const noexcept;
  enum class Seen : std::uint8_t { kNot, kFaulty, kGood };

  KeyHolder& keys_;
  RegisterHead head_;
  std::vector<RegisterPart> parts_;
  std::vector<RegisterEntry> entries_;  // of all good parts, ascending; views into parts_
  std::vector<Seen> seen_;              // by entry
  std::array<bool, kRegisterParts> trusted_{};
  std::vector<RecordFault> faults_;
  std::size_t unnamed_ = 0;  // faults beyond those kept
};

}  // namespace claviger::vault
