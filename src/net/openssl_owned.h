// SPDX-License-Identifier: Apache-2.0
#pragma once

// Internal to net, since it is in terms of OpenSSL's types.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string_view>

#include "crypto/openssl_owned.h"

namespace claviger::net {

using OwnedKey = crypto::Owned<EVP_PKEY, EVP_PKEY_free>;
using OwnedCertificate = crypto::Owned<X509, X509_free>;
using OwnedCrl = crypto::Owned<X509_CRL, X509_CRL_free>;
using OwnedBio = crypto::Owned<BIO, BIO_free>;
using OwnedNames = crypto::Owned<GENERAL_NAMES, GENERAL_NAMES_free>;
using OwnedVerification = crypto::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;

inline void free_infos(STACK_OF(X509_INFO) * infos) noexcept { sk_X509_INFO_pop_free(infos, X509_INFO_free); }
using OwnedInfos = crypto::Owned<STACK_OF(X509_INFO), free_infos>;

inline void free_chain(STACK_OF(X509) * chain) noexcept { sk_X509_pop_free(chain, X509_free); }
using OwnedChain = crypto::Owned<STACK_OF(X509), free_chain>;

// Certificates, CRLs and private keys, in the order of the text. Null, of which OpenSSL's error queue says why, when one
// of them cannot be read.
OwnedInfos parse_pem(std::string_view text);

}  // namespace claviger::net
