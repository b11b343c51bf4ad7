// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_arena.h"
#include "crypto/argon2.h"
#include "vault/master_key.h"

namespace claviger::vault {

// How a master key is made of a passphrase: Argon2id, its cost and a salt. Not secret, and not to be lost: without it
// the passphrase is worth nothing. One line, "clv-passphrase-1:argon2id:m=65536,t=3,p=4:<salt in base64>".
struct PassphraseRecipe {
  static constexpr std::size_t kSaltSize = 16;
  crypto::Argon2Cost cost;
  std::array<std::byte, kSaltSize> salt{};

  // With a salt drawn now, at the default cost.
  static PassphraseRecipe draw();
  // kInvalid says how it should look. Costs are taken from a quarter of the default, in memory and in all (nobody makes guessing cheap unseen) to 4 GiB and
  // 64 passes (nor a start that never ends).
  static Result<PassphraseRecipe> parse(std::string_view line);
  std::string text() const;
};

// Whether a new passphrase is good enough to stand between a stolen database and its secrets: 16 characters or more, eight of
// them different. kInvalid says so, and nothing of the passphrase.
Result<void> check_passphrase(std::string_view passphrase);

// Takes some tenths of a second, and 64 MiB. kUnavailable where those are not there.
Result<MasterKey> derive_master_key(std::string_view passphrase, const PassphraseRecipe& recipe,
                                    base::SecretArena& arena);

}  // namespace claviger::vault
