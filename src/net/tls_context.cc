// SPDX-License-Identifier: Apache-2.0
#include "net/tls_context.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/file_trust.h"
#include "crypto/openssl_memory.h"

namespace claviger::net {
namespace {

Error tls_error(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return Error::formatted(Code::kInvalid, Blame::kOperator,
                          what + (reason != nullptr ? std::string(": ") + reason : std::string()));
}

// What both ends have in common.
SSL_CTX* make_context(const SSL_METHOD* method) {
  SSL_CTX* context = SSL_CTX_new(method);
  CLV_CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
  // Not SSL_MODE_RELEASE_BUFFERS: it frees, and with CLEANSE_PLAINTEXT wipes, 16 KiB at each read. Streams give their
  // buffers back when they have been idle for a while (Stream::release_buffers).
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  return context;
}

int choose_http1(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                 unsigned size, void*) {
  static constexpr std::string_view kHttp1 = "\x8http/1.1\x8http/1.0";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(kHttp1.data()),
                            kHttp1.size(), offered, size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// The key is read and kept in the secret arena: file, PEM and numbers. Only what OpenSSL makes of it in
// passing while it signs lies elsewhere, and is wiped when freed.
Result<void> use_private_key(SSL_CTX* context, const std::string& file) {
  const crypto::ArenaScope arena;
  BIO* pem = BIO_new(BIO_s_mem());
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || pem == nullptr) {
    const int reason = errno;
    BIO_free(pem);
    return Error::from_errno(Code::kInvalid, Blame::kOperator, "reading the private key " + file, reason);
  }
  if (auto trusted = base::check_not_writable_by_others(fd, file); !trusted.has_value()) {
    ::close(fd);
    BIO_free(pem);
    return trusted;
  }
  std::array<char, 4096> piece;
  for (ssize_t got = 0; (got = ::read(fd, piece.data(), piece.size())) > 0;)
    BIO_write(pem, piece.data(), static_cast<int>(got));
  ::close(fd);
  OPENSSL_cleanse(piece.data(), piece.size());
  EVP_PKEY* key = PEM_read_bio_PrivateKey(pem, nullptr, nullptr, nullptr);
  BIO_free(pem);
  const bool used = key != nullptr && SSL_CTX_use_PrivateKey(context, key) == 1;
  EVP_PKEY_free(key);
  if (!used) return tls_error(file + ": not a PEM private key, or not that of the certificate");
  return ok();
}

}  // namespace

// --- Server --------------------------------------------------------------------------------------

ServerTls::~ServerTls() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const ServerTls>> ServerTls::create(const std::string& certificate_file,
                                                           const std::string& key_file) {
  ERR_clear_error();
  SSL_CTX* context = make_context(TLS_server_method());
  std::shared_ptr<const ServerTls> tls(new ServerTls(context));
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets alone
  SSL_CTX_set_num_tickets(context, 1);
  static constexpr std::array<unsigned char, 8> kSessionContext{'c', 'l', 'a', 'v', 'i', 'g', 'e', 'r'};
  SSL_CTX_set_session_id_context(context, kSessionContext.data(), kSessionContext.size());
  SSL_CTX_set_alpn_select_cb(context, choose_http1, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1)
    return tls_error(certificate_file + ": not a readable PEM certificate chain");
  CLV_TRY_VOID(use_private_key(context, key_file));
  if (SSL_CTX_check_private_key(context) != 1)
    return tls_error(key_file + ": the key is not that of the certificate");
  return tls;
}

// --- Client --------------------------------------------------------------------------------------

namespace {

// A context is shared by all workers and by upstreams that trust the same; a session belongs to one ClientTls, to which
// the stream's app data leads.
int remember_session(SSL* ssl, SSL_SESSION* session) {
  auto* tls = static_cast<ClientTls*>(SSL_get_app_data(ssl));
  if (tls == nullptr) return 0;
  tls->remember(session);
  return 1;  // the reference is ours now
}

SSL_CTX* make_client_context() {
  SSL_CTX* context = make_context(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, remember_session);
  static constexpr std::array<unsigned char, 9> kHttp1{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context, kHttp1.data(), kHttp1.size());
  return context;
}

// As SSL_CTX_load_verify_file does with a file: whatever certificates and CRLs there are. How many certificates.
std::size_t add_all(X509_STORE* store, BIO* pem) {
  STACK_OF(X509_INFO)* found = PEM_X509_INFO_read_bio(pem, nullptr, nullptr, nullptr);
  std::size_t certificates = 0;
  bool added = true;
  for (int i = 0; found != nullptr && i < sk_X509_INFO_num(found); ++i) {
    const X509_INFO* each = sk_X509_INFO_value(found, i);
    if (each->x509 != nullptr) added &= X509_STORE_add_cert(store, each->x509) == 1;
    if (each->crl != nullptr) added &= X509_STORE_add_crl(store, each->crl) == 1;
    certificates += each->x509 != nullptr ? 1U : 0U;
  }
  sk_X509_INFO_pop_free(found, X509_INFO_free);
  return added ? certificates : 0;
}

}  // namespace

ClientTrust::~ClientTrust() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const ClientTrust>> ClientTrust::of_system() {
  ERR_clear_error();
  std::shared_ptr<const ClientTrust> trust(new ClientTrust(make_client_context()));
  if (SSL_CTX_set_default_verify_paths(trust->context_) != 1)
    return tls_error("the system's certificate store cannot be read");
  return trust;
}

Result<std::shared_ptr<const ClientTrust>> ClientTrust::of_pem(std::string_view pem) {
  ERR_clear_error();
  std::shared_ptr<const ClientTrust> trust(new ClientTrust(make_client_context()));
  BIO* text = BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<std::size_t>(pem.size(), INT_MAX)));
  CLV_CHECK(text != nullptr);
  const std::size_t certificates = add_all(SSL_CTX_get_cert_store(trust->context_), text);
  BIO_free(text);
  if (certificates == 0) return tls_error("not a readable file of PEM certificates");
  return trust;
}

ClientTls::ClientTls(std::shared_ptr<const ClientTrust> trust, ClientTlsOptions options)
    : trust_(std::move(trust)), options_(std::move(options)) {}

ClientTls::~ClientTls() { SSL_SESSION_free(session_); }

std::shared_ptr<ClientTls> ClientTls::clone() const { return std::make_shared<ClientTls>(trust_, options_); }

void apply_client_settings(ssl_st* ssl, ClientTls& tls) {
  const ClientTlsOptions& options = tls.options();
  if (options.name_is_ip) {
    CLV_CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), options.server_name.c_str()) == 1);
  } else {
    SSL_set_tlsext_host_name(ssl, options.server_name.c_str());
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    CLV_CHECK(SSL_set1_host(ssl, options.server_name.c_str()) == 1);
  }
  tls.resume(ssl);
}

void ClientTls::resume(ssl_st* ssl) {
  if (session_ != nullptr) SSL_set_session(ssl, session_);
}

void ClientTls::remember(ssl_session_st* session) {
  SSL_SESSION_free(session_);
  session_ = session;
}

}  // namespace claviger::net
