// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace claviger::vault {

class SecretSources;

// The key that wraps all others: 32 random bytes, written as one line "clv-master-key-1:<base64>".
//
// Secrets: lies in the arena; neither printed nor copied. reveal() is for deriving alone.
class MasterKey {
 public:
  static constexpr std::size_t kSize = 32;

  // From "file:PATH" (owner and mode enforced) or "env:NAME" (erased once read). Errors say what is wrong with it and
  // never quote it; a missing file (kNotFound) says to run `claviger init`.
  static Result<MasterKey> read(std::string_view from, SecretSources& sources, base::SecretArena& arena);
  // The line itself, without its end. kInvalid says how it should look.
  static Result<MasterKey> parse(std::string_view line, base::SecretArena& arena);
  // Draws one and writes it to a new file, 0600, synced. kConflict when the file is there.
  static Result<MasterKey> create_file(const std::string& path, base::SecretArena& arena);
  static Result<MasterKey> draw(base::SecretArena& arena);
  // Of what came from elsewhere. kInvalid unless it has kSize bytes.
  static Result<MasterKey> of(base::SecretBytes key, base::SecretArena& arena);

  // Names the key without telling anything of it: 16 hex digits.
  const std::string& id() const noexcept { return id_; }
  base::SecretArena& arena() const noexcept { return *arena_; }
  std::span<const std::byte> reveal() const noexcept { return key_.reveal(); }

 private:
  MasterKey(base::SecretArena& arena, base::SecretBytes key);
  base::SecretArena* arena_;
  base::SecretBytes key_;
  std::string id_;
};

}  // namespace claviger::vault
