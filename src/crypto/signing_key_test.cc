// SPDX-License-Identifier: Apache-2.0
#include "crypto/signing_key.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/evp.h>

#include <string>

#include "crypto/openssl_owned.h"
#include "crypto/testing/routed_arena.h"

namespace claviger::crypto {
namespace {

base::SecretArena& arena = testing::routed_arena();

using Pkey = Owned<EVP_PKEY, ::EVP_PKEY_free>;

std::string pem_of(EVP_PKEY* key, bool traditional = false) {
  const char* const structure = traditional ? "type-specific" : "PrivateKeyInfo";
  const Owned<OSSL_ENCODER_CTX, ::OSSL_ENCODER_CTX_free> encoder(
      ::OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_KEYPAIR, "PEM", structure, nullptr));
  unsigned char* text = nullptr;
  std::size_t size = 0;
  if (!encoder || ::OSSL_ENCODER_to_data(encoder.get(), &text, &size) != 1) return "";
  std::string pem(reinterpret_cast<char*>(text), size);
  ::OPENSSL_free(text);
  return pem;
}

bool verifies(EVP_PKEY* key, std::string_view text, std::span<const std::byte> signature) {
  const Owned<EVP_MD_CTX, ::EVP_MD_CTX_free> context(::EVP_MD_CTX_new());
  return ::EVP_DigestVerifyInit(context.get(), nullptr, ::EVP_sha256(), nullptr, key) == 1 &&
         ::EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                            signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                            text.size()) == 1;
}

TEST(SigningKey, SignsWithRsaAsRs256) {
  const Pkey made(::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  for (const bool traditional : {false, true}) {
    const auto key = SigningKey::of_pem(pem_of(made.get(), traditional), arena);
    ASSERT_TRUE(key.has_value());
    EXPECT_EQ(key->algorithm(), SigningKey::Algorithm::kRs256);
    const auto signature = key->sign("what is signed", arena);
    ASSERT_TRUE(signature.has_value());
    EXPECT_EQ(signature->size(), 256U);
    EXPECT_TRUE(verifies(made.get(), "what is signed", signature->reveal()));
    EXPECT_FALSE(verifies(made.get(), "something else", signature->reveal()));
  }
}

// RFC 7518 section 3.4: the two numbers, not DER. Small ones happen: padding is what a hundred signatures are for.
TEST(SigningKey, SignsWithP256AsEs256) {
  const Pkey made(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const auto key = SigningKey::of_pem(pem_of(made.get()), arena);
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->algorithm(), SigningKey::Algorithm::kEs256);
  for (int i = 0; i < 100; ++i) {
    const auto signature = key->sign("what is signed", arena);
    ASSERT_TRUE(signature.has_value());
    ASSERT_EQ(signature->size(), 64U);
    const auto* flat = reinterpret_cast<const unsigned char*>(signature->reveal().data());
    const Owned<ECDSA_SIG, ::ECDSA_SIG_free> numbers(::ECDSA_SIG_new());
    ::ECDSA_SIG_set0(numbers.get(), ::BN_bin2bn(flat, 32, nullptr), ::BN_bin2bn(flat + 32, 32, nullptr));
    unsigned char der[128];
    unsigned char* end = der;
    const int size = ::i2d_ECDSA_SIG(numbers.get(), &end);
    ASSERT_TRUE(verifies(made.get(), "what is signed",
                         std::as_bytes(std::span(der, static_cast<std::size_t>(size)))));
  }
}

TEST(SigningKey, RefusesWhatIsNoSuchKey) {
  const Pkey small(::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024}));
  const Pkey other(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
  const Pkey edwards(::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  for (EVP_PKEY* key : {small.get(), other.get(), edwards.get()})
    EXPECT_FALSE(SigningKey::of_pem(pem_of(key), arena).has_value());
  for (const std::string_view text : {"", "no key", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"})
    EXPECT_FALSE(SigningKey::of_pem(text, arena).has_value()) << text;
  EXPECT_FALSE(SigningKey::of_pem(std::string(std::size_t{1} << 20, 'x'), arena).has_value());
}

TEST(SigningKey, LeavesNothingBehindInTheArena) {
  const Pkey made(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const std::string pem = pem_of(made.get());
  (void)SigningKey::of_pem(pem, arena)->sign("once, so that what is kept for the process is there", arena);
  const std::size_t before = arena.usage().in_use;
  for (int i = 0; i < 20; ++i) (void)SigningKey::of_pem(pem, arena)->sign("again", arena);
  EXPECT_EQ(arena.usage().in_use, before);
}

}  // namespace
}  // namespace claviger::crypto
