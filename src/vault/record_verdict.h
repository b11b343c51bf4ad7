// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "store/store.h"
#include "vault/key_holder.h"
#include "vault/register.h"

namespace claviger::vault {

// Over every field but the MAC itself.
crypto::Sha256Digest mac_of(KeyHolder& keys, const store::Record& record);

enum class Verdict : std::uint8_t {
  kGood,
  kAltered,
  kForeign,         // no MAC of this gateway's, and none expected
  kOlder,           // than the register's
  kNeverCommitted,  // this gateway made it, and the register knows nothing of it
  kUnknown,         // this gateway made it, and the register lost what it knew
};
std::string_view word_of(Verdict verdict) noexcept;

// On a record of which the register has this entry, or none. `is_trusted` says whether it would have one if there
// should be one.
Verdict judge(KeyHolder& keys, const store::Record& record, const RegisterEntry* entry, bool is_trusted);

}  // namespace claviger::vault
