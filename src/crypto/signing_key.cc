// SPDX-License-Identifier: Apache-2.0
#include "crypto/signing_key.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "crypto/encode.h"
#include "crypto/openssl_memory.h"
#include "crypto/openssl_owned.h"

namespace claviger::crypto {
namespace {

using Pkey = Owned<EVP_PKEY, ::EVP_PKEY_free>;
using SignContext = Owned<EVP_MD_CTX, ::EVP_MD_CTX_free>;
using EcSignature = Owned<ECDSA_SIG, ::ECDSA_SIG_free>;

constexpr int kLeastRsa = 2048;
constexpr int kMostRsa = 8192;
constexpr std::size_t kMostPem = std::size_t{16} << 10;
constexpr std::size_t kEcNumber = 32;

Error no_key() {
  return Error(Code::kInvalid, Blame::kOperator,
               "it is no private key in PEM (RSA of 2048 bits or more, or EC on P-256, without a password)");
}

Error out_of_arena() {
  return Error(Code::kUnavailable, Blame::kOperator,
               "the memory for secrets is used up (raise RLIMIT_MEMLOCK)");
}

// What OpenSSL fetches at the first key and the first signature and keeps for the process, decoders and all: fetched outside of any
// ArenaScope, by reading and using a key that is nobody's.
void fetch_algorithms() noexcept {
  [[maybe_unused]] static const bool done = [] {
    const Pkey made(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    CLV_CHECK(made);
    unsigned char* der = nullptr;
    const int size = ::i2d_PrivateKey(made.get(), &der);
    CLV_CHECK(size > 0);
    const unsigned char* at = der;
    const Pkey read(::d2i_AutoPrivateKey(nullptr, &at, size));
    ::OPENSSL_clear_free(der, static_cast<std::size_t>(size));
    const SignContext context(::EVP_MD_CTX_new());
    std::size_t signature = 0;
    CLV_CHECK(read && context &&
              ::EVP_DigestSignInit(context.get(), nullptr, ::EVP_sha256(), nullptr, read.get()) == 1 &&
              ::EVP_DigestSign(context.get(), nullptr, &signature, nullptr, 0) == 1);
    static EVP_KEYMGMT* const rsa = ::EVP_KEYMGMT_fetch(nullptr, "RSA", nullptr);
    static EVP_SIGNATURE* const rsa_signature = ::EVP_SIGNATURE_fetch(nullptr, "RSA", nullptr);
    CLV_CHECK(rsa != nullptr && rsa_signature != nullptr);
    ::ERR_clear_error();
    return true;
  }();
}

// The DER between the lines (RFC 7468): of PKCS #8, or of the traditional forms. Empty: there is none, or it needs a password.
Result<base::SecretBytes> der_of(std::string_view pem, base::SecretArena& arena) {
  for (const std::string_view label : {"PRIVATE KEY-----", "RSA PRIVATE KEY-----", "EC PRIVATE KEY-----"}) {
    const std::string begin = "-----BEGIN " + std::string(label);
    const std::string end = "-----END " + std::string(label);
    const std::size_t from = pem.find(begin);
    if (from == std::string_view::npos) continue;
    const std::size_t to = pem.find(end, from);
    if (to == std::string_view::npos) break;
    const std::string_view lines = pem.substr(from + begin.size(), to - from - begin.size());
    base::SecretBytes text = CLV_TRY(base::SecretBytes::allocate(arena, lines.size() + 1));
    std::size_t size = 0;
    for (const char c : lines)
      if (c != '\n' && c != '\r' && c != ' ' && c != '\t') text.reveal()[size++] = static_cast<std::byte>(c);
    base::SecretBytes der = CLV_TRY(base::SecretBytes::allocate(arena, size / 4 * 3 + 3));
    const Decoded decoded = base64_decode(text.reveal_text().substr(0, size), der.reveal());
    if (!decoded.valid) break;
    der.shrink(decoded.size);
    return der;
  }
  return base::SecretBytes();
}

bool is_p256(const EVP_PKEY* key) {
  char name[32];
  std::size_t size = 0;
  return ::EVP_PKEY_get_group_name(key, name, sizeof name, &size) == 1 &&
         (std::string_view(name, size) == "prime256v1" || std::string_view(name, size) == "P-256");
}

}  // namespace

struct SigningKey::Key {
  Pkey pkey;
  ~Key() {
    const ArenaScope scope;  // what freeing it needs on the way
    pkey.reset();
  }
};

SigningKey::SigningKey(std::unique_ptr<Key> key, Algorithm algorithm) noexcept
    : key_(std::move(key)), algorithm_(algorithm) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::of_pem(std::string_view pem, base::SecretArena& arena) {
  if (pem.size() > kMostPem) return no_key();
  fetch_algorithms();
  const base::SecretBytes der = CLV_TRY(der_of(pem, arena));
  if (der.empty()) return no_key();
  const ArenaScope scope;
  auto key = std::make_unique<Key>();
  const auto* at = reinterpret_cast<const unsigned char*>(der.reveal().data());
  key->pkey.reset(::d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der.size())));
  ::ERR_clear_error();
  if (!key->pkey) return no_key();
  const int bits = ::EVP_PKEY_get_bits(key->pkey.get());
  if (::EVP_PKEY_is_a(key->pkey.get(), "RSA") == 1 && bits >= kLeastRsa && bits <= kMostRsa)
    return SigningKey(std::move(key), Algorithm::kRs256);
  if (::EVP_PKEY_is_a(key->pkey.get(), "EC") == 1 && is_p256(key->pkey.get()))
    return SigningKey(std::move(key), Algorithm::kEs256);
  return no_key();
}

namespace {

// From DER to the two numbers one after the other.
bool flatten(base::SecretBytes& signature, std::size_t size, base::SecretArena& arena) {
  const auto* at = reinterpret_cast<const unsigned char*>(signature.reveal().data());
  const EcSignature read(::d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  auto flat = base::SecretBytes::allocate(arena, 2 * kEcNumber);
  if (!read || !flat.has_value()) return false;
  auto* const out = reinterpret_cast<unsigned char*>(flat->reveal().data());
  const bool done = ::BN_bn2binpad(::ECDSA_SIG_get0_r(read.get()), out, kEcNumber) == kEcNumber &&
                    ::BN_bn2binpad(::ECDSA_SIG_get0_s(read.get()), out + kEcNumber, kEcNumber) == kEcNumber;
  signature = *std::move(flat);
  return done;
}

}  // namespace

Result<base::SecretBytes> SigningKey::sign(std::string_view text, base::SecretArena& arena) const {
  const ArenaScope scope;
  const SignContext context(::EVP_MD_CTX_new());
  const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  const bool begun =
      context &&
      ::EVP_DigestSignInit(context.get(), nullptr, ::EVP_sha256(), nullptr, key_->pkey.get()) == 1 &&
      ::EVP_DigestSign(context.get(), nullptr, &size, data, text.size()) == 1;
  if (!begun) {
    ::ERR_clear_error();
    return out_of_arena();
  }
  base::SecretBytes signature = CLV_TRY(base::SecretBytes::allocate(arena, size));
  auto* const out = reinterpret_cast<unsigned char*>(signature.reveal().data());
  bool done = ::EVP_DigestSign(context.get(), out, &size, data, text.size()) == 1;
  if (done && algorithm_ == Algorithm::kEs256) done = flatten(signature, size, arena);
  ::ERR_clear_error();
  if (!done) return out_of_arena();
  return signature;
}

}  // namespace claviger::crypto
