// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "credentials/token.h"

namespace claviger::gateway {

// Why there is no token, and until when asking is in vain.
struct NoToken {
  Error why;
  Monotonic until{};
};

// The token of one credential, as the desk (token_desk.h) has fetched it for all workers. It outlasts changes of world in which the
// credential, its secret and where that goes are the same.
//
// Cost of look(): one load of what nobody writes between two tokens; once for each token, a lock.
// Threads: any; a reader's number is one thread's. Secrets: sealed tokens.
class TokenCell {
 public:
  // The most workers there can be.
  explicit TokenCell(std::size_t readers) : slots_(readers) {}
  TokenCell(const TokenCell&) = delete;
  TokenCell& operator=(const TokenCell&) = delete;

  // As one worker sees it.
  struct View {
    std::shared_ptr<const credentials::Token> token;  // null: there is none; may have expired meanwhile
    std::optional<NoToken> refusal;
    // Good to be put on a request now; null: it is not there, or has expired.
    const std::shared_ptr<const credentials::Token>* good(Monotonic now) const noexcept {
      return token && now < token->good_until ? &token : nullptr;
    }
    // Asking is in vain for now.
    bool is_refused(Monotonic now) const noexcept { return refusal && now < refusal->until; }
  };
  // Requires: reader < readers. Holds until the reader looks again. The token's reference count is this reader's own.
  const View& look(std::size_t reader) noexcept {
    Slot& slot = slots_[reader];
    if (generation_.load(std::memory_order_acquire) != slot.generation) take(slot);
    return slot.view;
  }
  // That it is used since it was fetched: worth another when it runs out.
  void use() noexcept {
    if (!is_used_.load(std::memory_order_relaxed)) is_used_.store(true, std::memory_order_relaxed);
  }

  // Whether nobody has asked for one, since the last came or could not.
  bool ask_once() noexcept { return !is_asked_.exchange(true, std::memory_order_relaxed); }

  // --- The desk's

  void publish(std::shared_ptr<const credentials::Token> token, std::optional<NoToken> refusal);
  bool take_used() noexcept { return is_used_.exchange(false, std::memory_order_relaxed); }

 private:
  struct alignas(64) Slot {
    std::uint64_t generation = 0;
    View view;
  };
  void take(Slot& slot) noexcept;

  alignas(64) std::atomic<std::uint64_t> generation_{0};
  std::atomic<bool> is_used_{false};
  std::atomic<bool> is_asked_{false};
  std::mutex mutex_;
  std::shared_ptr<const credentials::Token> token_;
  std::optional<NoToken> refusal_;
  std::vector<Slot> slots_;
};

}  // namespace claviger::gateway
