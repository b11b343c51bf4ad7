// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "audit/disk.h"
#include "audit/key_chain.h"
#include "audit/note.h"
#include "base/result.h"
#include "crypto/ed25519.h"

namespace claviger::audit {

// The keys of a log that is opened to be written: what stands in its key.pub, and who may have signed what it ends in.
//
// That is the key that signs, and nobody else: whoever has got hold of an older one must not be able to write the end anew.
// Only while a rotation is under way may it be the key before.
//
// And the key that is to sign next, where one is kept: the only one that the log hands over to. The log's text alone does not say so,
// since it can be appended to by whoever writes files.
class LogKeys {
 public:
  // A log that was never signed with another key.
  LogKeys(VerifierKey key, std::optional<crypto::Ed25519PublicKey> next = {})
      : chain_(std::move(key)), next_(next) {}
  // `is_taking_over`: the last key of the chain, from the one before.
  LogKeys(KeyChain chain, bool is_taking_over, std::optional<crypto::Ed25519PublicKey> next = {})
      : chain_(std::move(chain)), next_(next), is_taking_over_(is_taking_over && chain_.keys().size() > 1) {}

  const KeyChain& chain() const noexcept { return chain_; }
  const VerifierKey& current() const noexcept { return chain_.current(); }
  const std::string& origin() const noexcept { return chain_.origin(); }
  bool is_taking_over() const noexcept { return is_taking_over_; }
  // Whether it is what the current key, at the opening, was to announce.
  bool is_announced_here(const KeyRotated& rotated) const noexcept {
    return rotated.from == current() && next_ == rotated.to.key;
  }

  // For what stands at the end of the log, and for what stands anywhere in it; at least one, oldest first.
  std::span<const VerifierKey> recent() const noexcept { return chain_.keys().last(is_taking_over_ ? 2 : 1); }
  std::span<const VerifierKey> all() const noexcept { return chain_.keys(); }

  // `next` follows.
  Result<void> hand_over_to(VerifierKey next);
  void taken_over() noexcept { is_taking_over_ = false; }

 private:
  KeyChain chain_;
  std::optional<crypto::Ed25519PublicKey> next_;  // at the opening
  bool is_taking_over_ = false;
};

// What `open` makes of a note under one of `keys`, the newest that it opens under; its error under the newest of all otherwise.
// Requires: !keys.empty().
template <class Open>
auto open_under(std::span<const VerifierKey> keys, const Open& open) -> decltype(open(keys.back())) {
  auto opened = open(keys.back());
  for (std::size_t i = keys.size() - 1; i > 0 && !opened.has_value(); --i) {
    auto older = open(keys[i - 1]);
    if (older.has_value()) return older;
  }
  return opened;
}

// The keys of the log in `disk` for whoever has the key `current` and, while that is rotated, `next`. The log's origin is that
// of key.pub, and where that is lost, of the first checkpoint, if `current` signed it; `origin` where nothing is written yet.
// kInvalid when neither is the key that signed last, or a log's origin is not to be known.
Result<LogKeys> find_log_keys(Disk& disk, const std::string& origin, const crypto::Ed25519PublicKey& current,
                              const std::optional<crypto::Ed25519PublicKey>& next = {});

// Whether key.pub, if there is one, says the same. kInvalid when it does not.
Result<void> check_log_keys(Disk& disk, const LogKeys& keys);
// Puts them into key.pub, if they are not there. Durable when it returns.
Result<void> keep_log_keys(Disk& disk, const LogKeys& keys);

}  // namespace claviger::audit
