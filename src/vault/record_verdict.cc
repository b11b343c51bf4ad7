// SPDX-License-Identifier: Apache-2.0
#include "vault/record_verdict.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "vault/wire.h"

namespace claviger::vault {
namespace {

constexpr std::string_view kRecordLabel = "claviger record";

// A number as the text that a MAC's part is.
template <class Number>
class NumberText {
 public:
  explicit NumberText(Number number) noexcept { store_number(number, bytes_); }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

 private:
  std::array<std::byte, sizeof(Number)> bytes_;
};

std::string_view text_of(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

crypto::Sha256Digest mac_of(KeyHolder& keys, const store::Record& record) {
  const NumberText id(record.id);
  const NumberText revision(record.revision);
  const NumberText<std::uint8_t> deleted(record.deleted ? 1 : 0);
  const NumberText updated_at(static_cast<std::uint64_t>(record.updated_at.time_since_epoch().count()));
  const std::array parts = {kRecordLabel,
                            std::string_view(record.kind),
                            std::string_view(record.name),
                            id.text(),
                            revision.text(),
                            deleted.text(),
                            std::string_view(record.body),
                            text_of(record.sealed),
                            updated_at.text()};
  return keys.mac(MacPurpose::kRecord, parts);
}

std::string_view word_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kGood:
      return "is good";
    case Verdict::kAltered:
      return "was altered";
    case Verdict::kForeign:
      return "was not written by this gateway";
    case Verdict::kOlder:
      return "is an older version, put back";
    case Verdict::kNeverCommitted:
      return "is a version that was never committed";
    case Verdict::kUnknown:
      return "may be an older version, since its part of the register was altered; write it again";
  }
  std::unreachable();
}

Verdict judge(KeyHolder& keys, const store::Record& record, const RegisterEntry* entry, bool is_trusted) {
  if (!crypto::equal_constant_time(mac_of(keys, record), record.mac))
    return entry != nullptr || !is_trusted ? Verdict::kAltered : Verdict::kForeign;
  if (entry == nullptr) return is_trusted ? Verdict::kNeverCommitted : Verdict::kUnknown;
  if (record.revision < entry->revision) return Verdict::kOlder;
  const bool is_the_one = record.revision == entry->revision &&
                          std::ranges::equal(std::span(record.mac).first(entry->tag.size()), entry->tag);
  return is_the_one ? Verdict::kGood : Verdict::kNeverCommitted;
}

}  // namespace claviger::vault
