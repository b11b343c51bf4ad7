// SPDX-License-Identifier: Apache-2.0
#include "net/ticket_keys.h"

#include <algorithm>
#include <mutex>
#include <span>
#include <utility>

#include "crypto/openssl_contexts.h"
#include "crypto/random.h"

namespace claviger::net {
namespace {

constexpr std::size_t kCipherKeySize = 32;
constexpr std::size_t kMacKeySize = 32;
constexpr std::size_t kSecretsSize = kCipherKeySize + kMacKeySize;

std::span<const std::byte, kCipherKeySize> cipher_key(const base::SecretBytes& secrets) noexcept {
  return secrets.reveal().first<kCipherKeySize>();
}
std::span<const std::byte, kMacKeySize> mac_key(const base::SecretBytes& secrets) noexcept {
  return secrets.reveal().subspan<kCipherKeySize, kMacKeySize>();
}

}  // namespace

TicketKeys::TicketKeys(const Clock& clock, Key current, Key previous) noexcept
    : clock_(clock),
      current_(std::move(current)),
      previous_(std::move(previous)),
      since_(clock.monotonic()) {}

// Both keys are there from the start, so that to rotate takes no memory and cannot fail. Nothing was sealed under the older one.
Result<std::unique_ptr<TicketKeys>> TicketKeys::create(base::SecretArena& arena, const Clock& clock) {
  Key current{.secrets = CLV_TRY(base::SecretBytes::allocate(arena, kSecretsSize))};
  Key previous{.secrets = CLV_TRY(base::SecretBytes::allocate(arena, kSecretsSize))};
  renew(current);
  renew(previous);
  return std::unique_ptr<TicketKeys>(new TicketKeys(clock, std::move(current), std::move(previous)));
}

void TicketKeys::renew(Key& key) noexcept {
  crypto::random_bytes(std::as_writable_bytes(std::span(key.name)));
  crypto::random_secret(key.secrets.reveal());
}

std::shared_lock<std::shared_mutex> TicketKeys::read_keys() noexcept {
  for (;;) {
    std::shared_lock lock(mutex_);
    if (clock_.monotonic() - since_ < kPeriod) return lock;
    lock.unlock();
    rotate();
  }
}

// Periods follow each other without a gap, whether or not somebody came, so no key is read for longer than two of them.
void TicketKeys::rotate() noexcept {
  const std::lock_guard lock(mutex_);
  const auto periods = (clock_.monotonic() - since_) / kPeriod;
  if (periods <= 0) return;  // another thread has done it
  std::swap(current_, previous_);
  renew(current_);
  if (periods > 1) renew(previous_);
  since_ += periods * kPeriod;
}

bool TicketKeys::seal(std::span<unsigned char, kNameSize> name, std::span<unsigned char, kIvSize> iv,
                      std::span<const std::byte> binding, evp_cipher_ctx_st* cipher,
                      evp_mac_ctx_st* mac) noexcept {
  crypto::random_bytes(std::as_writable_bytes(iv));
  const auto lock = read_keys();
  std::ranges::copy(current_.name, name.begin());
  return crypto::start_aes256_cbc(cipher, cipher_key(current_.secrets), iv, true) &&
         crypto::start_hmac_sha256(mac, mac_key(current_.secrets), binding);
}

TicketKeys::Opening TicketKeys::open(std::span<const unsigned char, kNameSize> name,
                                     std::span<const unsigned char, kIvSize> iv,
                                     std::span<const std::byte> binding, evp_cipher_ctx_st* cipher,
                                     evp_mac_ctx_st* mac) noexcept {
  const auto lock = read_keys();
  const bool is_current = std::ranges::equal(name, current_.name);
  if (!is_current && !std::ranges::equal(name, previous_.name)) return Opening::kUnknown;
  const base::SecretBytes& secrets = (is_current ? current_ : previous_).secrets;
  if (!crypto::start_aes256_cbc(cipher, cipher_key(secrets), iv, false) ||
      !crypto::start_hmac_sha256(mac, mac_key(secrets), binding))
    return Opening::kFailed;
  return is_current ? Opening::kCurrent : Opening::kPrevious;
}

}  // namespace claviger::net
