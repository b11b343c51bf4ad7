// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/secret_bytes.h"
#include "crypto/encode.h"
#include "crypto/random.h"
#include "vault/key_holder.h"

namespace claviger::vault::testing {

// A random master key and a keyring of it, for key holders as they are in earnest. In a header, so that tests of other
// modules need not link anything. crypto/testing/routed_arena.h has an arena; any other does too.
class ThrowawayKeys {
 public:
  explicit ThrowawayKeys(base::SecretArena& arena)
      : arena_(arena), line_(*base::SecretBytes::allocate(arena, kForm.size() + kEncoded)) {
    base::SecretBytes key = *base::SecretBytes::allocate(arena, MasterKey::kSize);
    crypto::random_secret(key.reveal());
    const std::span<char> text(reinterpret_cast<char*>(line_.reveal().data()), line_.size());
    std::ranges::copy(kForm, text.begin());
    crypto::base64_encode(key.reveal(), text.subspan(kForm.size()));
    keyring_ = *make_keyring(master());
  }

  MasterKey master() const { return *MasterKey::parse(line_.reveal_text(), arena_); }
  // As its file holds it.
  std::string_view reveal_line() const noexcept { return line_.reveal_text(); }
  const Keyring& keyring() const noexcept { return keyring_; }
  // Once more with the same keys, as after a restart.
  std::unique_ptr<KeyHolder> open() const { return *open_key_holder(master(), keyring_, arena_); }

 private:
  static constexpr std::string_view kForm = "clv-master-key-1:";
  static constexpr std::size_t kEncoded = crypto::base64_size(MasterKey::kSize);

  base::SecretArena& arena_;
  base::SecretBytes line_;
  Keyring keyring_;
};

// Where one key holder is enough.
inline std::unique_ptr<KeyHolder> throwaway_keys(base::SecretArena& arena) {
  return ThrowawayKeys(arena).open();
}

}  // namespace claviger::vault::testing
