// SPDX-License-Identifier: Apache-2.0
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>

#include "base/check.h"
#include "crypto/hash.h"
#include "net/client_identity.h"
#include "net/crl_check.h"
#include "net/openssl_owned.h"
#include "net/tls_context.h"

namespace claviger::net {
namespace {

constexpr auto kProofGoodFor = std::chrono::hours(12);

// Where a connection keeps the second in which its handshake began, and a session that of the full handshake which it goes
// back to. Not "app data", which OpenSSL fails to copy unless some other index is in use.
int begun_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}
int proved_index() {
  static const int index = SSL_SESSION_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void* as_pointer(Monotonic at) {
  return reinterpret_cast<void*>(
      std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
}
Monotonic as_time(const void* pointer) {
  return Monotonic(std::chrono::seconds(reinterpret_cast<std::intptr_t>(pointer)));
}

// A context is shared by all workers and by upstreams that trust the same; a session belongs to one ClientTls, to which
// the stream's app data leads.
int remember_session(SSL* ssl, SSL_SESSION* session) {
  auto* tls = static_cast<ClientTls*>(SSL_get_app_data(ssl));
  if (tls == nullptr) return 0;
  tls->remember(ssl, session);
  return 1;  // the reference is ours now
}

// The chain, and then the pins: within the handshake, so that a peer without a pinned key gets an alert instead of our
// Finished, and no session comes of it. OpenSSL calls this for every full handshake and for no resumed one.
int verify_chain(X509_STORE_CTX* store, void*) {
  if (X509_verify_cert(store) != 1) return 0;
  const auto* ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* tls = ssl != nullptr ? static_cast<const ClientTls*>(SSL_get_app_data(ssl)) : nullptr;
  if (tls != nullptr && tls->has_pinned(X509_STORE_CTX_get0_chain(store))) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}
static_assert(kNotPinned == X509_V_ERR_APPLICATION_VERIFICATION);

SSL_CTX* make_client_context() {
  SSL_CTX* context = make_context(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify_chain, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, remember_session);
  static constexpr std::array<unsigned char, 9> kHttp1{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context, kHttp1.data(), kHttp1.size());
  return context;
}

struct Found {
  std::size_t certificates = 0;
  std::size_t crls = 0;
};

// Whatever certificates and CRLs there are; nothing when one of them is none.
Found add_all(X509_STORE* store, std::string_view pem) {
  const OwnedInfos infos = parse_pem(pem);
  Found count;
  bool added = true;
  for (int i = 0; i < sk_X509_INFO_num(infos.get()); ++i) {
    const X509_INFO* each = sk_X509_INFO_value(infos.get(), i);
    if (each->x509 != nullptr) added &= X509_STORE_add_cert(store, each->x509) == 1;
    if (each->crl != nullptr) added &= X509_STORE_add_crl(store, each->crl) == 1;
    count.certificates += each->x509 != nullptr ? 1U : 0U;
    count.crls += each->crl != nullptr ? 1U : 0U;
  }
  return added ? count : Found{};
}

Result<void> prove(SSL_CTX* context, const OwnCertificate& own) {
  if (own.certificate_file.empty()) return ok();
  return prove_with(context, own.certificate_file, own.key_file);
}

}  // namespace

ClientTrust::~ClientTrust() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const ClientTrust>> ClientTrust::of_system(const OwnCertificate& own) {
  ERR_clear_error();
  std::shared_ptr<const ClientTrust> trust(new ClientTrust(make_client_context()));
  if (SSL_CTX_set_default_verify_paths(trust->context_) != 1)
    return tls_error("the system's certificate store cannot be read");
  CLV_TRY_VOID(prove(trust->context_, own));
  return trust;
}

Result<std::shared_ptr<const ClientTrust>> ClientTrust::of_pem(std::string_view pem,
                                                               const OwnCertificate& own) {
  ERR_clear_error();
  std::shared_ptr<ClientTrust> trust(new ClientTrust(make_client_context()));
  X509_STORE* const store = SSL_CTX_get_cert_store(trust->context_);
  const Found found = add_all(store, pem);
  if (found.certificates == 0) return tls_error("not a readable file of PEM certificates");
  trust->has_crls_ = found.crls > 0;
  if (trust->has_crls_) {
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    verify_crls_once(store);
  }
  CLV_TRY_VOID(prove(trust->context_, own));
  return trust;
}

ClientTls::ClientTls(std::shared_ptr<const ClientTrust> trust, ClientTlsOptions options)
    : trust_(std::move(trust)), options_(std::move(options)) {}

ClientTls::~ClientTls() { SSL_SESSION_free(session_); }

std::shared_ptr<ClientTls> ClientTls::clone() const { return std::make_shared<ClientTls>(trust_, options_); }

void apply_client_settings(ssl_st* ssl, ClientTls& tls, Monotonic now) {
  const ClientTlsOptions& options = tls.options();
  if (options.name_is_ip) {
    CLV_CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), options.server_name.c_str()) == 1);
  } else {
    SSL_set_tlsext_host_name(ssl, options.server_name.c_str());
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    CLV_CHECK(SSL_set1_host(ssl, options.server_name.c_str()) == 1);
  }
  if (!options.is_http) CLV_CHECK(SSL_set_alpn_protos(ssl, nullptr, 0) == 0);
  if (options.tls13_only) CLV_CHECK(SSL_set_min_proto_version(ssl, TLS1_3_VERSION) == 1);
  if (options.identity) options.identity->put_on(ssl);
  CLV_CHECK(SSL_set_ex_data(ssl, begun_index(), as_pointer(now)) == 1);
  tls.resume(ssl, now);
}

bool ClientTls::has_pinned(const stack_st_X509* chain) const {
  if (options_.pins.empty()) return true;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(sk_X509_value(chain, i)), &der);
    if (size <= 0) continue;
    const crypto::Sha256Digest digest =
        crypto::Sha256().digest(std::as_bytes(std::span(der, static_cast<std::size_t>(size))));
    OPENSSL_free(der);
    if (std::find(options_.pins.begin(), options_.pins.end(), digest) != options_.pins.end()) return true;
  }
  return false;
}

void ClientTls::resume(ssl_st* ssl, Monotonic now) {
  if (session_ == nullptr) return;
  const X509* shown = SSL_SESSION_get0_peer(session_);
  const bool is_good = now < as_time(SSL_SESSION_get_ex_data(session_, proved_index())) + kProofGoodFor &&
                       shown != nullptr && X509_cmp_current_time(X509_get0_notAfter(shown)) > 0;
  if (is_good) SSL_set_session(ssl, session_);
  else SSL_SESSION_free(std::exchange(session_, nullptr));
}

void ClientTls::remember(ssl_st* ssl, ssl_session_st* session) {
  if (trust_->has_crls()) return SSL_SESSION_free(session);
  // OpenSSL makes the session that follows a resumed one by copying it, so what stands there already is the time of the
  // full handshake with which it all began.
  if (SSL_SESSION_get_ex_data(session, proved_index()) == nullptr)
    SSL_SESSION_set_ex_data(session, proved_index(), SSL_get_ex_data(ssl, begun_index()));
  SSL_SESSION_free(session_);
  session_ = session;
}

}  // namespace claviger::net
