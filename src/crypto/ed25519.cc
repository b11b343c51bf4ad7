// SPDX-License-Identifier: Apache-2.0
#include "crypto/ed25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <utility>

#include "base/check.h"
#include "crypto/openssl_memory.h"
#include "crypto/openssl_owned.h"

namespace claviger::crypto {
namespace {

constexpr const char* kAlgorithm = "ED25519";

const unsigned char* octets(std::span<const std::byte> data) noexcept {
  return reinterpret_cast<const unsigned char*>(data.data());
}

using KeyPointer = Owned<EVP_PKEY, ::EVP_PKEY_free>;
using DigestContext = Owned<EVP_MD_CTX, ::EVP_MD_CTX_free>;

// What OpenSSL fetches by itself at the first signature and keeps: held here, so that it is fetched outside of any
// ArenaScope, and once.
void fetch_algorithms() noexcept {
  static EVP_KEYMGMT* const management = ::EVP_KEYMGMT_fetch(nullptr, kAlgorithm, nullptr);
  static EVP_SIGNATURE* const signature = ::EVP_SIGNATURE_fetch(nullptr, kAlgorithm, nullptr);
  static EVP_MD* const digest = ::EVP_MD_fetch(nullptr, "SHA512", nullptr);
  CLV_CHECK(management != nullptr && signature != nullptr && digest != nullptr);
}

bool sign_once(EVP_PKEY* key, std::span<const std::byte> message, Ed25519Signature& signature) noexcept {
  const DigestContext context(::EVP_MD_CTX_new());
  std::size_t size = signature.size();
  return context && ::EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         ::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                          octets(message), message.size()) == 1 &&
         size == signature.size();
}

}  // namespace

struct Ed25519Signer::Key {
  KeyPointer secret;
  Ed25519PublicKey shown;
};

Ed25519Signer::Ed25519Signer(std::unique_ptr<Key> key) noexcept : key_(std::move(key)) {}
Ed25519Signer::Ed25519Signer(Ed25519Signer&&) noexcept = default;
Ed25519Signer& Ed25519Signer::operator=(Ed25519Signer&&) noexcept = default;
Ed25519Signer::~Ed25519Signer() = default;

Result<Ed25519Signer> Ed25519Signer::create(std::span<const std::byte> seed) {
  CLV_CHECK(seed.size() == kSeedSize);
  fetch_algorithms();
  auto key = std::make_unique<Key>();
  {
    const ArenaScope scope;
    key->secret.reset(
        ::EVP_PKEY_new_raw_private_key_ex(nullptr, kAlgorithm, nullptr, octets(seed), seed.size()));
  }
  if (!key->secret) {
    ::ERR_clear_error();
    return Error(Code::kUnavailable, Blame::kOperator,
                 "no secret memory left for a signing key (raise RLIMIT_MEMLOCK)");
  }
  std::size_t size = key->shown.size();
  CLV_CHECK(::EVP_PKEY_get_raw_public_key(key->secret.get(),
                                          reinterpret_cast<unsigned char*>(key->shown.data()), &size) == 1 &&
            size == key->shown.size());
  return Ed25519Signer(std::move(key));
}

const Ed25519PublicKey& Ed25519Signer::public_key() const noexcept { return key_->shown; }

// What hashes the key is in the arena too. When that is spent, it passes over the heap, which is wiped, rather than
// leave the audit log without a checkpoint.
Ed25519Signature Ed25519Signer::sign(std::span<const std::byte> message) noexcept {
  Ed25519Signature signature;
  const auto in_arena = [&] {
    const ArenaScope scope;
    return sign_once(key_->secret.get(), message, signature);
  };
  CLV_CHECK(in_arena() || sign_once(key_->secret.get(), message, signature));
  ::ERR_clear_error();
  return signature;
}

bool verify_ed25519(const Ed25519PublicKey& key, std::span<const std::byte> message,
                    const Ed25519Signature& signature) noexcept {
  const KeyPointer shown(
      ::EVP_PKEY_new_raw_public_key_ex(nullptr, kAlgorithm, nullptr, octets(key), key.size()));
  const DigestContext context(::EVP_MD_CTX_new());
  const bool good = shown && context &&
                    ::EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, shown.get()) == 1 &&
                    ::EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message),
                                       message.size()) == 1;
  ::ERR_clear_error();
  return good;
}

}  // namespace claviger::crypto
