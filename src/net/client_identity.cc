// SPDX-License-Identifier: Apache-2.0
#include "net/client_identity.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <ctime>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/parse.h"
#include "crypto/hash.h"
#include "crypto/openssl_memory.h"
#include "net/openssl_owned.h"
#include "net/tls_context.h"

namespace claviger::net {
namespace {

using OwnedDigest = crypto::Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

constexpr int kMaxChain = 10;

Error wrong(std::string what) { return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what)); }

// Nobody is asked for one on the terminal.
int no_password(char*, int, int, void*) { return -1; }

OwnedBio bio_of(std::string_view text) {
  OwnedBio bio(BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), INT_MAX))));
  CLV_CHECK(bio != nullptr);
  return bio;
}

// To have been used once: what OpenSSL works out of it and keeps for the next time (of RSA, with its primes) lies where the key lies.
bool sign_once(EVP_PKEY* key) {
  const OwnedDigest context(EVP_MD_CTX_new());
  const bool is_plain = EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1;
  std::array<unsigned char, 2048> signature;
  std::size_t size = signature.size();
  static constexpr unsigned char kText[] = "claviger";
  return context &&
         EVP_DigestSignInit_ex(context.get(), nullptr, is_plain ? nullptr : "SHA256", nullptr, nullptr, key,
                               nullptr) == 1 &&
         EVP_DigestSign(context.get(), signature.data(), &size, kText, sizeof kText) == 1;
}

// What OpenSSL fetches at the first key and keeps for the process, decoders and all: fetched outside of any ArenaScope, by reading
// and using keys that are nobody's.
void fetch_algorithms() {
  [[maybe_unused]] static const bool done = [] {
    for (const char* const name : {"RSA", "ED25519", "ED448"}) {
      const crypto::Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(
          EVP_PKEY_CTX_new_from_name(nullptr, name, nullptr));
      CLV_CHECK(context != nullptr);
    }
    const OwnedKey made(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    const OwnedBio bio(BIO_new(BIO_s_mem()));
    CLV_CHECK(PEM_write_bio_PrivateKey(bio.get(), made.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    const OwnedKey read(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
    CLV_CHECK(read && sign_once(read.get()));
    ERR_clear_error();
    return true;
  }();
}

OwnedKey read_key(std::string_view pem) {
  const OwnedBio bio = bio_of(pem);
  const crypto::ArenaScope arena;
  OwnedKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (key && !sign_once(key.get())) key.reset();
  return key;
}

// Those in the text, in its order; null when one of them cannot be read.
OwnedChain read_certificates(std::string_view pem) {
  OwnedChain all(sk_X509_new_null());
  CLV_CHECK(all != nullptr);
  const OwnedBio bio = bio_of(pem);
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr))
    sk_X509_push(all.get(), next);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) all.reset();
  return all;
}

// Takes the certificate out of the chain that the key belongs to. Null: there is none.
OwnedCertificate take_own(STACK_OF(X509) * chain, const EVP_PKEY* key) {
  for (int i = 0; i < sk_X509_num(chain); ++i)
    if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(chain, i)), key) == 1)
      return OwnedCertificate(sk_X509_delete(chain, i));
  ERR_clear_error();
  return nullptr;
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return WallTime::min();
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

void append_der(std::string& out, const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  CLV_CHECK(size > 0);
  out.append(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
}

// As the handshake will: a key that is too short, a digest that is too weak.
Result<void> check_use(X509* certificate, EVP_PKEY* key, STACK_OF(X509) * chain) {
  const crypto::Owned<SSL_CTX, SSL_CTX_free> context(make_context(TLS_client_method()));
  if (SSL_CTX_use_cert_and_key(context.get(), certificate, key, chain, 1) == 1) return ok();
  return tls_error("the certificate or its key cannot be used for TLS");
}

}  // namespace

struct ClientIdentity::Parts {
  OwnedKey key;
  OwnedCertificate certificate;
  OwnedChain chain;  // the others

  ~Parts() {
    const crypto::ArenaScope arena;  // what freeing it takes on the way
    key.reset();
  }
};

ClientIdentity::ClientIdentity(std::unique_ptr<Parts> parts) noexcept : parts_(std::move(parts)) {
  std::string shown;  // each says where it ends
  const auto take = [&](const X509* certificate) {
    good_until_ = std::min(good_until_, time_of(X509_get0_notAfter(certificate)));
    append_der(shown, certificate);
  };
  take(parts_->certificate.get());
  for (int i = 0; i < sk_X509_num(parts_->chain.get()); ++i) take(sk_X509_value(parts_->chain.get(), i));
  fingerprint_ = base::format_hex(crypto::Sha256().digest(shown));
}

ClientIdentity::~ClientIdentity() = default;

Result<std::shared_ptr<const ClientIdentity>> ClientIdentity::of_pem(std::string_view pem) {
  if (pem.find("ENCRYPTED") != std::string_view::npos)
    return wrong(
        "the private key has a password, which nobody could give at each start; take it off (`openssl pkey "
        "-in FILE "
        "-out FILE`): it is sealed all the same");
  fetch_algorithms();
  ERR_clear_error();
  auto parts = std::make_unique<Parts>();
  parts->chain = read_certificates(pem);
  if (!parts->chain) return wrong("one of the certificates is damaged, or cut off");
  if (sk_X509_num(parts->chain.get()) == 0)
    return wrong(
        "there is no certificate; it has to be PEM: the certificate, those of the CAs between it and one "
        "that the "
        "upstream knows, and the private key");
  if (sk_X509_num(parts->chain.get()) > kMaxChain) return wrong("there are over 10 certificates");
  parts->key = read_key(pem);
  ERR_clear_error();
  if (!parts->key)
    return wrong(
        "there is no private key that can be read (RSA, EC or Ed25519); it has to be PEM, behind the "
        "certificates in the "
        "same text");
  parts->certificate = take_own(parts->chain.get(), parts->key.get());
  if (!parts->certificate)
    return wrong("the private key is that of none of the certificates; the two have to be of one request");
  CLV_TRY_VOID(check_use(parts->certificate.get(), parts->key.get(), parts->chain.get()));
  return std::shared_ptr<const ClientIdentity>(new ClientIdentity(std::move(parts)));
}

void ClientIdentity::put_on(SSL* ssl) const {
  SSL_use_cert_and_key(ssl, parts_->certificate.get(), parts_->key.get(), parts_->chain.get(), 1);
}

}  // namespace claviger::net
