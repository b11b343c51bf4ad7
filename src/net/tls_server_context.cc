// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <string_view>

#include "base/file_trust.h"
#include "crypto/openssl_memory.h"
#include "net/caller_trust.h"
#include "net/peer_certificate.h"
#include "net/ticket_keys.h"
#include "net/tls_context.h"

namespace claviger::net {
namespace {

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

// --- Tickets -------------------------------------------------------------------------------------

const ServerTls& tls_of(SSL* ssl) noexcept {
  return *static_cast<const ServerTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                   int is_sealing) {
  const ServerTls& tls = tls_of(ssl);
  const std::span<unsigned char, TicketKeys::kNameSize> name_bytes(name, TicketKeys::kNameSize);
  const std::span<unsigned char, TicketKeys::kIvSize> iv_bytes(iv, TicketKeys::kIvSize);
  if (is_sealing == 1)
    return tls.tickets().seal(name_bytes, iv_bytes, tls.trust().digest, cipher, mac) ? 1 : -1;
  switch (tls.tickets().open(name_bytes, iv_bytes, tls.trust().digest, cipher, mac)) {
    case TicketKeys::Opening::kUnknown:
      return 0;
    case TicketKeys::Opening::kCurrent:
      return SSL_version(ssl) == TLS1_3_VERSION ? 2
                                                : 1;  // of those each is for one use (RFC 8446 section C.4)
    case TicketKeys::Opening::kPrevious:
      return 2;
    case TicketKeys::Opening::kFailed:
      break;
  }
  return -1;
}

int write_ticket(SSL* ssl, void*) { return stamp_session(ssl, tls_of(ssl)) ? 1 : 0; }

// Whatever stands against a ticket costs its owner a full handshake, and gets him a new one.
SSL_TICKET_RETURN judge_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char*, std::size_t,
                               SSL_TICKET_STATUS status, void*) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  if (!may_resume(session, tls_of(ssl).tickets().clock().wall())) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

// Sessions live in tickets alone. To be good elsewhere, one would need another key's MAC; the context id says the same once
// more, where OpenSSL looks.
void use_tickets(SSL_CTX* context, const ServerTls& tls) {
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, std::chrono::seconds(TicketKeys::kPeriod).count());
  SSL_CTX_set_app_data(context, const_cast<ServerTls*>(&tls));
  const crypto::Sha256Digest& trust = tls.trust().digest;
  static_assert(sizeof trust <= SSL_MAX_SID_CTX_LENGTH);
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(trust.data()), sizeof trust);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_ticket_key);
  SSL_CTX_set_session_ticket_cb(context, write_ticket, judge_ticket, nullptr);
}

}  // namespace

Result<void> prove_with(ssl_ctx_st* context, const std::string& certificate_file,
                        const std::string& key_file) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1)
    return tls_error(certificate_file + ": not a readable PEM certificate chain");
  CLV_TRY_VOID(use_private_key(context, key_file));
  if (SSL_CTX_check_private_key(context) != 1)
    return tls_error(key_file + ": the key is not that of the certificate");
  return ok();
}

ServerTls::~ServerTls() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const ServerTls>> ServerTls::create(const ServerTlsOptions& options,
                                                           TicketKeys& tickets) {
  ERR_clear_error();
  SSL_CTX* context = make_context(TLS_server_method());
  std::shared_ptr<ServerTls> tls(new ServerTls(context, tickets));
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context, choose_http1, nullptr);
  CLV_TRY_VOID(prove_with(context, options.certificate_file, options.key_file));
  tls->trust_ = CLV_TRY(trust_callers(context, options));
  use_tickets(context, *tls);
  return tls;
}

}  // namespace claviger::net
