// SPDX-License-Identifier: Apache-2.0
#pragma once

// For tests of net alone, since it is in terms of OpenSSL's types.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string>
#include <vector>

#include "base/check.h"
#include "net/openssl_owned.h"

namespace claviger::net::testing {

using OwnedTime = crypto::Owned<ASN1_TIME, ASN1_TIME_free>;

struct Identity {
  OwnedCertificate certificate;
  OwnedKey key;
  std::vector<X509*> chain;  // sent behind it; somebody else's
};

struct Wanted {
  std::string names = "DNS:caller.example";  // subjectAltName, as openssl.cnf has it; empty: none
  std::string usage = "clientAuth";  // empty: any
  long valid_from = -86'400;         // seconds from now
  long valid_to = 86'400;
  bool is_ca = false;
};

// A certificate authority for tests, of whatever goodness is asked for.
class TestAuthority {
 public:
  explicit TestAuthority(const char* name = "Test callers CA") {
    own_ = make(name, {.names = "", .usage = "", .is_ca = true}, nullptr);
  }
  explicit TestAuthority(Identity identity) : own_(std::move(identity)) {}

  Identity issue(const Wanted& wanted = {}) const { return make("caller", wanted, &own_); }
  // Anew, after a change.
  void sign(Identity& identity) const {
    CLV_CHECK(X509_sign(identity.certificate.get(), own_.key.get(), EVP_sha256()) > 0);
  }
  // An intermediate one.
  TestAuthority subordinate(const char* name) const {
    return TestAuthority(make(name, {.names = "", .usage = "", .is_ca = true}, &own_));
  }
  X509* certificate() const { return own_.certificate.get(); }
  std::string pem() const {
    const Text text;
    PEM_write_bio_X509(text.bio.get(), own_.certificate.get());
    return text.str();
  }
  // A list of revoked certificates, to be renewed so many seconds from now.
  std::string crl(const std::vector<const Identity*>& revoked, long valid_to = 86'400) const {
    const OwnedCrl crl(X509_CRL_new());
    const OwnedTime then(X509_gmtime_adj(nullptr, -86'400));
    const OwnedTime next(X509_gmtime_adj(nullptr, valid_to));
    X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(own_.certificate.get()));
    X509_CRL_set1_lastUpdate(crl.get(), then.get());
    X509_CRL_set1_nextUpdate(crl.get(), next.get());
    for (const Identity* one : revoked) {
      X509_REVOKED* entry = X509_REVOKED_new();
      X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(one->certificate.get()));
      X509_REVOKED_set_revocationDate(entry, then.get());
      X509_CRL_add0_revoked(crl.get(), entry);
    }
    CLV_CHECK(X509_CRL_sign(crl.get(), own_.key.get(), EVP_sha256()) > 0);
    const Text text;
    PEM_write_bio_X509_CRL(text.bio.get(), crl.get());
    return text.str();
  }

 private:
  struct Text {
    OwnedBio bio{BIO_new(BIO_s_mem())};
    std::string str() const {
      char* data = nullptr;
      const long size = BIO_get_mem_data(bio.get(), &data);
      return {data, static_cast<std::size_t>(size)};
    }
  };

  static void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    CLV_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
  }

  static Identity make(const char* common_name, const Wanted& wanted, const Identity* issuer) {
    static long serial = 0;
    Identity made{OwnedCertificate(X509_new()), OwnedKey(EVP_EC_gen("P-256")), {}};
    X509* const certificate = made.certificate.get();
    X509* const signer = issuer == nullptr ? certificate : issuer->certificate.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.valid_from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.valid_to);
    X509_set_pubkey(certificate, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    extend(certificate, signer, NID_basic_constraints,
           wanted.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wanted.is_ca) extend(certificate, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
    if (!wanted.usage.empty()) extend(certificate, signer, NID_ext_key_usage, wanted.usage);
    if (!wanted.names.empty()) extend(certificate, signer, NID_subject_alt_name, wanted.names);
    EVP_PKEY* const key = issuer == nullptr ? made.key.get() : issuer->key.get();
    CLV_CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    return made;
  }

  Identity own_;
};

}  // namespace claviger::net::testing
