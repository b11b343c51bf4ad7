// SPDX-License-Identifier: Apache-2.0
#include "crypto/aead.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

#include "base/check.h"
#include "crypto/openssl_memory.h"
#include "crypto/openssl_owned.h"
#include "crypto/random.h"

namespace claviger::crypto {
namespace {

// Fetched once and kept to the end of the process.
EVP_CIPHER* aes_256_gcm() noexcept {
  static EVP_CIPHER* const algorithm = ::EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  CLV_CHECK(algorithm != nullptr);
  return algorithm;
}

using CipherContext = Owned<EVP_CIPHER_CTX, ::EVP_CIPHER_CTX_free>;

const unsigned char* octets(std::span<const std::byte> data) noexcept {
  return reinterpret_cast<const unsigned char*>(data.data());
}
unsigned char* octets(std::span<std::byte> data) noexcept {
  return reinterpret_cast<unsigned char*>(data.data());
}

// OpenSSL counts in int.
int length(std::span<const std::byte> data) noexcept {
  CLV_CHECK(data.size() <= INT_MAX);
  return static_cast<int>(data.size());
}

enum class Direction : int { kOpen = 0, kSeal = 1 };

// A context that holds the expanded key; each use sets only the nonce.
CipherContext keyed_context(std::span<const std::byte> key, Direction direction) noexcept {
  EVP_CIPHER* const cipher = aes_256_gcm();  // outside the scope: it stays, and is no secret
  const ArenaScope scope;
  CipherContext context(::EVP_CIPHER_CTX_new());
  if (context && ::EVP_CipherInit_ex2(context.get(), cipher, octets(key), nullptr,
                                      static_cast<int>(direction), nullptr) != 1) {
    context.reset();
  }
  return context;
}

}  // namespace

struct Aead::Contexts {
  CipherContext seal;
  CipherContext open;
};

Aead::Aead(std::unique_ptr<Contexts> contexts) noexcept : contexts_(std::move(contexts)) {}
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;
Aead::~Aead() = default;

Result<Aead> Aead::create(std::span<const std::byte> key) {
  CLV_CHECK(key.size() == kKeySize);
  auto contexts =
      std::make_unique<Contexts>(keyed_context(key, Direction::kSeal), keyed_context(key, Direction::kOpen));
  if (!contexts->seal || !contexts->open) {
    ::ERR_clear_error();
    return Error(Code::kUnavailable, Blame::kOperator,
                 "no secret memory left for a key (raise RLIMIT_MEMLOCK)");
  }
  return Aead(std::move(contexts));
}

void Aead::seal(std::span<const std::byte> plain, std::span<const std::byte> associated,
                std::span<std::byte> sealed) {
  std::array<std::byte, kNonceSize> nonce;
  random_bytes(nonce);
  seal_with_nonce(nonce, plain, associated, sealed);
}

void Aead::seal_with_nonce(std::span<const std::byte, kNonceSize> nonce, std::span<const std::byte> plain,
                           std::span<const std::byte> associated, std::span<std::byte> sealed) {
  CLV_CHECK(sealed.size() == plain.size() + kOverhead);
  EVP_CIPHER_CTX* const context = contexts_->seal.get();
  const std::span<std::byte> cipher_text = sealed.subspan(kNonceSize, plain.size());
  int written = 0;
  CLV_CHECK(::EVP_EncryptInit_ex2(context, nullptr, nullptr, octets(nonce), nullptr) == 1);
  if (!associated.empty()) {
    CLV_CHECK(::EVP_EncryptUpdate(context, nullptr, &written, octets(associated), length(associated)) == 1);
  }
  if (!plain.empty()) {
    CLV_CHECK(::EVP_EncryptUpdate(context, octets(cipher_text), &written, octets(plain), length(plain)) == 1);
  }
  std::array<unsigned char, kTagSize> tag;
  CLV_CHECK(::EVP_EncryptFinal_ex(context, tag.data(), &written) == 1);  // GCM writes nothing here
  CLV_CHECK(::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, tag.data()) == 1);
  std::ranges::copy(nonce, sealed.begin());
  std::ranges::copy(std::as_bytes(std::span(tag)), sealed.last(kTagSize).begin());
}

Result<void> Aead::open(std::span<const std::byte> sealed, std::span<const std::byte> associated,
                        std::span<std::byte> plain) noexcept {
  CLV_CHECK(sealed.size() == plain.size() + kOverhead);
  EVP_CIPHER_CTX* const context = contexts_->open.get();
  const std::span<const std::byte> cipher_text = sealed.subspan(kNonceSize, plain.size());
  std::array<unsigned char, kTagSize> tag;
  std::ranges::copy(sealed.last(kTagSize), std::as_writable_bytes(std::span(tag)).begin());

  int written = 0;
  bool good = ::EVP_DecryptInit_ex2(context, nullptr, nullptr, octets(sealed), nullptr) == 1 &&
              ::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1;
  if (!associated.empty()) {
    good =
        good && ::EVP_DecryptUpdate(context, nullptr, &written, octets(associated), length(associated)) == 1;
  }
  if (!plain.empty()) {
    good = good && ::EVP_DecryptUpdate(context, octets(plain), &written, octets(cipher_text),
                                       length(cipher_text)) == 1;
  }
  if (good && ::EVP_DecryptFinal_ex(context, tag.data(), &written) == 1) return ok();
  base::wipe(plain.data(), plain.size());
  ::ERR_clear_error();
  return Error(Code::kInternal, Blame::kGateway,
               "sealed bytes do not authenticate: altered, or bound to something else");
}

}  // namespace claviger::crypto
