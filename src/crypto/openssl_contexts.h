// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace claviger::crypto {

// For callbacks in which OpenSSL wants contexts of its own set up (session tickets). False when OpenSSL fails.
// Secrets: what becomes of the keys lies in the arena while there is room, else on the heap, which is wiped as well
// (openssl_memory.h): a spent arena costs nobody a handshake.

// AES-256-CBC.
bool start_aes256_cbc(evp_cipher_ctx_st* context, std::span<const std::byte, 32> key,
                      std::span<const unsigned char, 16> iv, bool encrypts) noexcept;

// HMAC-SHA-256, with `prefix` taken in already.
bool start_hmac_sha256(evp_mac_ctx_st* context, std::span<const std::byte, 32> key,
                       std::span<const std::byte> prefix) noexcept;

}  // namespace claviger::crypto
