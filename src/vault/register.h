// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"
#include "vault/key_holder.h"

// The register of records as it lies in the store's meta (docs/formats/vault.md). What it is for: record_guard.h.
namespace claviger::vault {

inline constexpr std::size_t kRegisterParts = 256;
inline constexpr std::string_view kRegisterPrefix = "register/";

// A record that there is, or of which there is a tombstone.
struct RegisterEntry {
  std::string_view kind;
  std::string_view name;
  store::Revision revision = 0;
  std::array<std::byte, 16>
      tag{};  // the beginning of its MAC: two batches may have had this revision, and one failed
};

// One part. Its entries ascend by kind and name, and are views into `bytes` where it was read.
struct RegisterPart {
  std::uint8_t number = 0;
  store::Revision revision = 0;  // of the batch that wrote it
  std::vector<RegisterEntry> entries;
  store::Bytes bytes;
};

struct RegisterHead {
  struct Part {
    store::Revision revision = 0;  // 0: it was never written, and is empty
    // Not 0: before that revision it was altered, so that nobody knows what else should be in it.
    store::Revision distrusted_since = 0;
    crypto::Sha256Digest mac{};
  };
  store::Revision revision = 0;  // of the store
  std::array<Part, kRegisterParts> parts{};
};

std::string head_name();
std::string part_name(std::uint8_t number);  // "register/1f"
// Which part a record belongs to. Keyed, so that nobody can choose names that all land in one.
std::uint8_t place_of(KeyHolder& keys, std::string_view kind, std::string_view name);

// The bytes without the MAC, which the others add and take off.
store::Bytes encode_head(const RegisterHead& head);
std::optional<RegisterHead> decode_head(std::span<const std::byte> bytes);
store::Bytes encode_part(const RegisterPart& part);
// Views into `bytes`.
std::optional<RegisterPart> decode_part(std::span<const std::byte> bytes);

store::Meta write_head(KeyHolder& keys, const RegisterHead& head);
// kInternal when it was altered or is missing.
Result<RegisterHead> read_head(KeyHolder& keys, store::Store& store);

// Also notes the part's new state in the head.
store::Meta write_part(KeyHolder& keys, const RegisterPart& part, RegisterHead& head);

enum class PartState : std::uint8_t {
  kGood,
  kMissing,
  kAltered,
  kOther,  // this gateway wrote it, and something else since
  kNewer,  // than the head, which is thus an older one
};
// Anything but kGood leaves `part` empty.
Result<PartState> read_part(KeyHolder& keys, store::Store& store, const RegisterHead& head,
                            std::uint8_t number, RegisterPart& part);

}  // namespace claviger::vault
