// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <shared_mutex>
#include <span>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret_arena.h"
#include "base/secret_bytes.h"

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace claviger::net {

// What session tickets are sealed with (RFC 8446 section 4.6.1, RFC 5077 section 4): keys of this process that nobody else
// ever sees, each in use for twelve hours and good for reading for twelve more. They outlast a reload, so that callers go on
// resuming; with a key go all tickets under it, and what was recorded of their TLS 1.2 sessions.
//
// A ticket is good only where the same is asked of callers as where it was given out: `binding`, a digest of that, is
// authenticated with it and not sent.
//
// Cost: a look at the clock and an uncontended shared lock for each ticket. Who rotates is who seals or opens next, so that keys of
// a gateway to which nobody comes grow old unused.
// Secrets: the keys lie in the arena, and so does what OpenSSL makes of them as long as there is room.
// Threads: any.
class TicketKeys {
 public:
  static constexpr auto kPeriod = std::chrono::hours(12);
  static constexpr std::size_t kNameSize = 16;
  static constexpr std::size_t kIvSize = 16;

  // kUnavailable when the arena is full. `arena` and `clock` outlive it.
  static Result<std::unique_ptr<TicketKeys>> create(base::SecretArena& arena, const Clock& clock);
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  const Clock& clock() const noexcept { return clock_; }

  // Both for OpenSSL's callback (SSL_CTX_set_tlsext_ticket_key_evp_cb), whose contexts they set up: AES-256-CBC, then
  // HMAC-SHA-256 over the binding and whatever OpenSSL adds.
  //
  // Under the newest key; gives its name and an iv. False when OpenSSL fails.
  bool seal(std::span<unsigned char, kNameSize> name, std::span<unsigned char, kIvSize> iv,
            std::span<const std::byte> binding, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac) noexcept;
  enum class Opening : std::uint8_t {
    kUnknown,  // no key has that name (any more)
    kCurrent,
    kPrevious,  // good, and to be replaced
    kFailed,  // OpenSSL did
  };
  Opening open(std::span<const unsigned char, kNameSize> name, std::span<const unsigned char, kIvSize> iv,
               std::span<const std::byte> binding, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac) noexcept;

 private:
  struct Key {
    std::array<unsigned char, kNameSize> name{};  // random as well, and sent with each ticket
    base::SecretBytes secrets;  // of the cipher, then of the MAC
  };
  static void renew(Key& key) noexcept;

  TicketKeys(const Clock& clock, Key current, Key previous) noexcept;
  // Holds mutex_, with keys that are right for this moment.
  std::shared_lock<std::shared_mutex> read_keys() noexcept;
  void rotate() noexcept;

  const Clock& clock_;
  std::shared_mutex mutex_;
  Key current_;
  Key previous_;
  Monotonic since_;  // that current_ is in use
};

}  // namespace claviger::net
