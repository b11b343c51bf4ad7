// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "crypto/aead.h"

namespace claviger::vault {

// A secret as it lies in the snapshot: ciphertext under the key of this process. Freely copied and kept.
struct Sealed {
  std::vector<std::byte> bytes;       // crypto::Aead form
  std::vector<std::byte> associated;  // what it is bound to: who it is and where it may go
  std::size_t plain_size() const noexcept { return bytes.size() - crypto::Aead::kOverhead; }
};

// Opens sealed secrets, one at a time, into memory of the caller's.
// Threads: one at a time; each worker has its own. Secrets: the key schedule, in the arena.
class Opener {
 public:
  // Requires: out.size() == sealed.plain_size(). The caller wipes `out` when it is done.
  // kInternal when the bytes were altered or are bound to something else.
  Result<void> open(const Sealed& sealed, std::span<std::byte> out) noexcept {
    return aead_.open(sealed.bytes, sealed.associated, out);
  }

 private:
  friend class ProcessKey;
  explicit Opener(crypto::Aead aead) noexcept : aead_(std::move(aead)) {}
  crypto::Aead aead_;
};

// The key that exists only in this process. Credentials are sealed under it from the moment they are
// read until the moment they are put on a request.
//
// Owns: 32 random bytes and their schedule, in the arena; and 8 more, by which marks of secrets are hashed.
// Threads: seal() on the control thread; make_opener() once for each worker, on any thread, before it runs.
class ProcessKey {
 public:
  static Result<std::unique_ptr<ProcessKey>> create(base::SecretArena& arena);

  // `associated` names the secret and its destination; opening anything else with it fails.
  Sealed seal(std::span<const std::byte> plain, std::string_view associated);
  Result<Opener> make_opener() const;
  base::SecretArena& arena() const noexcept { return arena_; }
  // Eight random bytes, odd as a number in memory's order: whoever looks for secrets by their hashes holds on to them.
  const std::shared_ptr<const base::SecretBytes>& mark_key() const noexcept { return mark_key_; }

 private:
  ProcessKey(base::SecretArena& arena, base::SecretBytes key, crypto::Aead aead,
             base::SecretBytes mark_key) noexcept;
  base::SecretArena& arena_;
  base::SecretBytes key_;
  crypto::Aead aead_;
  std::shared_ptr<const base::SecretBytes> mark_key_;
};

}  // namespace claviger::vault
