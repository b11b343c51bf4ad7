// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "policy/snapshot.h"

namespace claviger::gateway {

// One answer for everything that is wrong with a caller's proof: whoever tries keys learns nothing from it.
Error unknown_key() noexcept;

// Whether whoever has proved to hold the key may use it: from that address, at that time, as that principal.
bool is_usable(const policy::ApiKey& key, const base::IpAddress& address, const policy::Snapshot& policy,
               WallTime now) noexcept;

// The key that `text` is. kUnauthenticated otherwise, in words that do not tell why. `presented` gets the id that
// the text claims, known or not; `why` one word for the logs, which may say more. Takes as long for any key that is known. The one check for callers and for management.
Result<const policy::ApiKey*> check_key(std::string_view text, const base::IpAddress& address,
                                        const policy::Snapshot& policy, WallTime now, crypto::Sha256& sha256,
                                        policy::KeyId& presented, std::string_view* why = nullptr) noexcept;

}  // namespace claviger::gateway
