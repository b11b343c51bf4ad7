// SPDX-License-Identifier: Apache-2.0
#include "net/crl_check.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "net/openssl_owned.h"

namespace claviger::net {
namespace {

// OpenSSL's own. It is told of by a verification alone.
X509_STORE_CTX_check_crl_fn complete_check() noexcept {
  static const X509_STORE_CTX_check_crl_fn check = [] {
    const OwnedVerification verification(X509_STORE_CTX_new());
    return verification != nullptr && X509_STORE_CTX_init(verification.get(), nullptr, nullptr, nullptr) == 1
               ? X509_STORE_CTX_get_check_crl(verification.get())
               : nullptr;
  }();
  return check;
}

// Of all that its issuer has signed, and complete: neither parts of it, nor what came since another.
bool is_plain(const X509_CRL* crl) noexcept {
  return X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) < 0 &&
         X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) < 0;
}

bool may_sign_crls(X509* ca) noexcept { return (X509_get_key_usage(ca) & X509v3_KU_CRL_SIGN) != 0; }

bool is_current(const X509_CRL* crl) noexcept {
  const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl);
  return X509_cmp_current_time(X509_CRL_get0_lastUpdate(crl)) < 0 &&
         (next == nullptr || X509_cmp_current_time(next) > 0);
}

// What OpenSSL has looked at before it comes here: that the CRL is the issuer's by name and key identifier. Here it asks for the issuer's
// right to sign CRLs, for the CRL's scope (which a plain one has), its dates, and its signature.
int check_crl(X509_STORE_CTX* verification, X509_CRL* crl) {
  const auto* verified_by = static_cast<const X509*>(X509_CRL_get_meth_data(crl));
  const X509* issuer = X509_STORE_CTX_get0_current_issuer(verification);
  if (verified_by != nullptr && issuer != nullptr && X509_cmp(verified_by, issuer) == 0 && is_current(crl))
    return 1;
  return complete_check()(verification, crl);
}

// OpenSSL leaves a place in a CRL for whoever implements one, and has no use for it itself.
void mark_if_good(X509_CRL* crl, X509* ca) noexcept {
  if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)) != 0 || !may_sign_crls(ca)) return;
  EVP_PKEY* const key = X509_get0_pubkey(ca);
  if (key != nullptr && X509_CRL_verify(crl, key) == 1) X509_CRL_set_meth_data(crl, ca);
}

}  // namespace

// A mark points at a certificate of the same store, which neither loses.
void verify_crls_once(X509_STORE* store) noexcept {
  if (complete_check() == nullptr) return;
  const STACK_OF(X509_OBJECT)* const objects = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    X509_CRL* const crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
    if (crl == nullptr || !is_plain(crl)) continue;
    for (int j = 0; j < sk_X509_OBJECT_num(objects); ++j) {
      if (X509* const ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, j)); ca != nullptr)
        mark_if_good(crl, ca);
    }
  }
  ERR_clear_error();
  X509_STORE_set_check_crl(store, check_crl);
}

}  // namespace claviger::net
