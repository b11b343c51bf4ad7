// SPDX-License-Identifier: Apache-2.0
// SHA-256 by the functions of before OpenSSL 3.0, which are still there: each call's API key is hashed, and EVP allocates for
// each digest (merkle.cc has the figures).
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include <cstdint>
#include <utility>

#include "base/check.h"
#include "crypto/openssl_memory.h"
#include "crypto/openssl_owned.h"

namespace claviger::crypto {
namespace {

// Fetched once and kept to the end of the process: fetching costs more than hashing.
EVP_MD* sha256() noexcept {
  static EVP_MD* const algorithm = ::EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CLV_CHECK(algorithm != nullptr);
  return algorithm;
}

EVP_MAC* hmac() noexcept {
  static EVP_MAC* const algorithm = ::EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  CLV_CHECK(algorithm != nullptr);
  return algorithm;
}

EVP_KDF* hkdf() noexcept {
  static EVP_KDF* const algorithm = ::EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  CLV_CHECK(algorithm != nullptr);
  return algorithm;
}

using MacContext = Owned<EVP_MAC_CTX, ::EVP_MAC_CTX_free>;
using KdfContext = Owned<EVP_KDF_CTX, ::EVP_KDF_CTX_free>;

// OpenSSL's parameters are not const, and may not be null even where they are empty.
OSSL_PARAM octets(const char* name, std::span<const std::byte> data) noexcept {
  static std::byte nothing{};
  std::byte* const start = data.empty() ? &nothing : const_cast<std::byte*>(data.data());
  return ::OSSL_PARAM_construct_octet_string(name, start, data.size());
}

OSSL_PARAM digest_name() noexcept {
  static char name[] = "SHA256";
  return ::OSSL_PARAM_construct_utf8_string(OSSL_ALG_PARAM_DIGEST, name, sizeof(name) - 1);
}

std::array<std::byte, 8> length_of(std::string_view part) noexcept {
  std::array<std::byte, 8> length;
  for (std::size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<std::byte>(part.size() >> (56 - 8 * i) & 0xff);
  return length;
}

// An empty key must still be a pointer, else OpenSSL takes it for "the key of before".
bool set_key(EVP_MAC_CTX* context, std::span<const std::byte> key) noexcept {
  static constexpr unsigned char kNothing = 0;
  const OSSL_PARAM parameters[] = {digest_name(), ::OSSL_PARAM_construct_end()};
  const auto* const start = key.empty() ? &kNothing : reinterpret_cast<const unsigned char*>(key.data());
  return ::EVP_MAC_init(context, start, key.size(), parameters) == 1;
}

bool begin_anew(EVP_MAC_CTX* context) noexcept { return ::EVP_MAC_init(context, nullptr, 0, nullptr) == 1; }

bool add(EVP_MAC_CTX* context, std::span<const std::byte> data) noexcept {
  return ::EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(data.data()), data.size()) == 1;
}

bool end(EVP_MAC_CTX* context, Sha256Digest& digest) noexcept {
  std::size_t size = 0;
  return ::EVP_MAC_final(context, reinterpret_cast<unsigned char*>(digest.data()), &size, digest.size()) ==
             1 &&
         size == digest.size();
}

// OpenSSL copies keyed states as it goes: into the arena, or, when that is spent, over the heap, where they are wiped.
// What has a result at any rate cannot fail for memory that others took.
template <class Compute>
void compute_in_arena(Compute compute) noexcept {
  const auto in_arena = [&] {
    const ArenaScope scope;
    return compute();
  };
  if (in_arena()) return;
  ::ERR_clear_error();
  CLV_CHECK(compute());
}

// What is hashed may be a caller's key: nothing of it stays on the stack.
class Hashing {
 public:
  Hashing() noexcept { ::SHA256_Init(&context_); }
  ~Hashing() { ::OPENSSL_cleanse(&context_, sizeof context_); }
  Hashing(const Hashing&) = delete;
  Hashing& operator=(const Hashing&) = delete;

  void add(std::span<const std::byte> data) noexcept { ::SHA256_Update(&context_, data.data(), data.size()); }
  Sha256Digest end() noexcept {
    Sha256Digest digest;
    ::SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &context_);
    return digest;
  }

 private:
  SHA256_CTX context_;
};

}  // namespace

Sha256Digest Sha256::digest(std::span<const std::byte> data) noexcept {
  Hashing hashing;
  hashing.add(data);
  return hashing.end();
}

Sha256Digest Sha256::digest(std::string_view text) noexcept { return digest(std::as_bytes(std::span(text))); }

Sha256Digest Sha256::digest_pieces(std::span<const std::string_view> pieces) noexcept {
  Hashing hashing;
  for (const std::string_view piece : pieces) hashing.add(std::as_bytes(std::span(piece)));
  return hashing.end();
}

Sha256Digest Sha256::digest_parts(std::span<const std::string_view> parts) noexcept {
  Hashing hashing;
  for (const std::string_view part : parts) {
    hashing.add(length_of(part));
    hashing.add(std::as_bytes(std::span(part)));
  }
  return hashing.end();
}

bool equal_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct HmacSha256::Contexts {
  MacContext keyed;
};

HmacSha256::HmacSha256(std::unique_ptr<Contexts> contexts) noexcept : contexts_(std::move(contexts)) {}
HmacSha256::~HmacSha256() = default;
HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256& HmacSha256::operator=(HmacSha256&&) noexcept = default;

Result<HmacSha256> HmacSha256::create(std::span<const std::byte> key) {
  EVP_MAC* const algorithm = hmac();  // these two outside the scope: they stay, and are no secret
  sha256();
  auto contexts = std::make_unique<Contexts>();
  const ArenaScope scope;
  contexts->keyed.reset(::EVP_MAC_CTX_new(algorithm));
  if (contexts->keyed && set_key(contexts->keyed.get(), key)) return HmacSha256(std::move(contexts));
  ::ERR_clear_error();
  return Error(Code::kUnavailable, Blame::kOperator,
               "no secret memory left for a key (raise RLIMIT_MEMLOCK)");
}

Sha256Digest HmacSha256::mac(std::span<const std::byte> data) noexcept {
  EVP_MAC_CTX* const context = contexts_->keyed.get();
  Sha256Digest digest;
  compute_in_arena([&] { return begin_anew(context) && add(context, data) && end(context, digest); });
  return digest;
}

Sha256Digest HmacSha256::mac_parts(std::span<const std::string_view> parts) noexcept {
  EVP_MAC_CTX* const context = contexts_->keyed.get();
  Sha256Digest digest;
  compute_in_arena([&] {
    bool good = begin_anew(context);
    for (const std::string_view part : parts)
      good = good && add(context, length_of(part)) && add(context, std::as_bytes(std::span(part)));
    return good && end(context, digest);
  });
  return digest;
}

Sha256Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> data) noexcept {
  EVP_MAC* const algorithm = hmac();
  sha256();
  Sha256Digest digest;
  compute_in_arena([&] {
    const MacContext context(::EVP_MAC_CTX_new(algorithm));
    return context && set_key(context.get(), key) && add(context.get(), data) && end(context.get(), digest);
  });
  return digest;
}

void hkdf_sha256(std::span<const std::byte> key, std::span<const std::byte> salt, std::string_view info,
                 std::span<std::byte> out) noexcept {
  CLV_CHECK(out.size() <= 255 * sizeof(Sha256Digest));
  if (out.empty()) return;
  EVP_KDF* const algorithm = hkdf();
  hmac();
  sha256();
  const OSSL_PARAM parameters[] = {
      digest_name(), octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, salt),
      octets(OSSL_KDF_PARAM_INFO, std::as_bytes(std::span(info))), ::OSSL_PARAM_construct_end()};
  compute_in_arena([&] {
    const KdfContext context(::EVP_KDF_CTX_new(algorithm));
    return context && ::EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()),
                                       out.size(), parameters) == 1;
  });
}

}  // namespace claviger::crypto
