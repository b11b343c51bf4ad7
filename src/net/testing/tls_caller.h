// SPDX-License-Identifier: Apache-2.0
#pragma once

// For tests of net alone, since it is in terms of OpenSSL's types.

#include <openssl/ssl.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "crypto/openssl_owned.h"
#include "net/testing/test_authority.h"

namespace claviger::net::testing {

using Session = std::shared_ptr<SSL_SESSION>;

// The other end of accept_tls(), which can do what no upstream connection of the gateway does: show a certificate, and
// choose the session to offer. Believes any server.
//
// Owns: the socket.
class TlsCaller {
 public:
  TlsCaller(int fd, const Identity* identity, const Session& session, int version)
      : context_(SSL_CTX_new(TLS_client_method())), fd_(fd), offered_(session) {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to whoever hung up
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(context_.get(), this);
    SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* ssl, SSL_SESSION* given) {
      static_cast<TlsCaller*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->given_ =
          Session(given, SSL_SESSION_free);
      return 1;
    });
    if (identity != nullptr) {
      CLV_CHECK(SSL_CTX_use_certificate(context_.get(), identity->certificate.get()) == 1);
      CLV_CHECK(SSL_CTX_use_PrivateKey(context_.get(), identity->key.get()) == 1);
      for (X509* link : identity->chain) CLV_CHECK(SSL_CTX_add1_chain_cert(context_.get(), link) == 1);
    }
    ssl_.reset(SSL_new(context_.get()));
    CLV_CHECK(SSL_set_fd(ssl_.get(), fd) == 1);
    SSL_set_connect_state(ssl_.get());
    if (session != nullptr) CLV_CHECK(SSL_set_session(ssl_.get(), session.get()) == 1);
  }
  ~TlsCaller() {
    // Else OpenSSL takes the session for a broken one.
    SSL_set_quiet_shutdown(ssl_.get(), 1);
    SSL_shutdown(ssl_.get());
    ssl_.reset();
    ::close(fd_);
  }
  TlsCaller(const TlsCaller&) = delete;
  TlsCaller& operator=(const TlsCaller&) = delete;

  // Goes on as far as that goes without waiting, and takes in tickets.
  void turn() {
    char byte = 0;
    std::size_t got = 0;
    const int done = SSL_read_ex(ssl_.get(), &byte, 1, &got);
    const int why = SSL_get_error(ssl_.get(), done);
    has_failed_ = has_failed_ || (done != 1 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE);
  }
  bool has_failed() const noexcept { return has_failed_; }  // or was hung up on
  bool is_connected() const noexcept { return SSL_is_init_finished(ssl_.get()) == 1; }
  bool was_resumed() const noexcept { return SSL_session_reused(ssl_.get()) == 1; }
  // The newest that it was given; null: none.
  const Session& given() noexcept {
    if (given_ == nullptr && is_connected() && was_resumed()) keep_renewed();
    return given_;
  }

 private:
  // Of a TLS 1.2 session that was renewed, OpenSSL says nothing: it is in the place of the one that was offered.
  void keep_renewed() {
    Session now(SSL_get1_session(ssl_.get()), SSL_SESSION_free);
    if (offered_ != nullptr && ticket_of(*now) != ticket_of(*offered_)) given_ = std::move(now);
  }
  static std::string ticket_of(const SSL_SESSION& session) {
    const unsigned char* ticket = nullptr;
    std::size_t size = 0;
    SSL_SESSION_get0_ticket(&session, &ticket, &size);
    return {reinterpret_cast<const char*>(ticket), size};
  }

  crypto::Owned<SSL_CTX, SSL_CTX_free> context_;
  crypto::Owned<SSL, SSL_free> ssl_;
  int fd_;
  Session offered_;
  Session given_;
  bool has_failed_ = false;
};

}  // namespace claviger::net::testing
