// SPDX-License-Identifier: Apache-2.0
#include "crypto/openssl_contexts.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>

#include "crypto/openssl_memory.h"

namespace claviger::crypto {
namespace {

const unsigned char* bytes_of(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// The hash state that stands for the key would lie on the heap otherwise.
bool set_key(EVP_MAC_CTX* context, std::span<const std::byte> key) noexcept {
  char digest[] = "SHA256";
  const std::array params{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                          OSSL_PARAM_construct_end()};
  {
    const ArenaScope arena;
    if (EVP_MAC_init(context, bytes_of(key), key.size(), params.data()) == 1) return true;
  }
  return EVP_MAC_init(context, bytes_of(key), key.size(), params.data()) == 1;
}

}  // namespace

bool start_aes256_cbc(EVP_CIPHER_CTX* context, std::span<const std::byte, 32> key,
                      std::span<const unsigned char, 16> iv, bool encrypts) noexcept {
  // Fetched once: a table of functions, not state.
  static EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return EVP_CipherInit_ex2(context, algorithm, bytes_of(key), iv.data(), encrypts ? 1 : 0, nullptr) == 1;
}

bool start_hmac_sha256(EVP_MAC_CTX* context, std::span<const std::byte, 32> key,
                       std::span<const std::byte> prefix) noexcept {
  return set_key(context, key) && EVP_MAC_update(context, bytes_of(prefix), prefix.size()) == 1;
}

}  // namespace claviger::crypto
