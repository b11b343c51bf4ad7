// SPDX-License-Identifier: Apache-2.0
// The TLS driver: SSL* over a BIO of our own, which minds the socket's readiness and never raises SIGPIPE.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <utility>

#include "base/check.h"
#include "net/socket_io.h"
#include "net/tls.h"
#include "net/tls_context.h"

namespace claviger::net {
namespace {

// --- BIO -----------------------------------------------------------------------------------------

int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  BIO_clear_retry_flags(bio);
  Result<std::size_t> result{std::size_t{0}};
  if (!receive(*static_cast<Source*>(BIO_get_data(bio)), {into, size}, result)) {
    BIO_set_retry_read(bio);
    return 0;
  }
  if (!result.has_value()) return -1;
  *got = *result;
  if (*got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return *got > 0 ? 1 : 0;
}

int bio_write(BIO* bio, const char* from, std::size_t size, std::size_t* put) {
  BIO_clear_retry_flags(bio);
  Result<std::size_t> result{std::size_t{0}};
  if (!send(*static_cast<Source*>(BIO_get_data(bio)), {from, size}, result)) {
    BIO_set_retry_write(bio);
    return 0;
  }
  if (!result.has_value()) return -1;
  *put = *result;
  return 1;
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

BIO_METHOD* make_bio_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "claviger source");
  CLV_CHECK(method != nullptr);
  BIO_meth_set_read_ex(method, bio_read);
  BIO_meth_set_write_ex(method, bio_write);
  BIO_meth_set_ctrl(method, bio_control);
  return method;
}

BIO* make_bio(Source& source) {
  // A table of functions, made once and never changed: not state.
  static BIO_METHOD* const method = make_bio_method();
  BIO* bio = BIO_new(method);
  CLV_CHECK(bio != nullptr);
  BIO_set_data(bio, &source);
  BIO_set_init(bio, 1);
  return bio;
}

// --- Stream --------------------------------------------------------------------------------------

class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Source> source_in, SSL* ssl, std::shared_ptr<const void> keeps,
            ClientTls* client) noexcept
      : Stream(std::move(source_in)), ssl_(ssl), keeps_(std::move(keeps)), client_(client) {
    BIO* bio = make_bio(source());
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_app_data(ssl_, client_);
  }
  ~TlsStream() override {
    // Else OpenSSL takes a session without close_notify for a broken one, and drops it from use.
    SSL_set_quiet_shutdown(ssl_, 1);
    SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }

  Io try_handshake(Result<std::size_t>& result) noexcept {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_);
    if (done == 1) return Io::kDone;
    return outcome(done, result);
  }

  Io try_read(std::span<char> into, Result<std::size_t>& result) noexcept override {
    ERR_clear_error();
    std::size_t got = 0;
    const int done = SSL_read_ex(ssl_, into.data(), into.size(), &got);
    if (done == 1) {
      result = got;
      return Io::kDone;
    }
    return outcome(done, result);
  }

  Io try_write(std::string_view from, Result<std::size_t>& result) noexcept override {
    ERR_clear_error();
    std::size_t put = 0;
    const int done = SSL_write_ex(ssl_, from.data(), from.size(), &put);
    if (done == 1) {
      result = put;
      return Io::kDone;
    }
    return outcome(done, result);
  }

  // What is there may be no data but a session ticket: reading takes that in.
  bool is_quiet() noexcept override {
    if (!has_buffered() && !source().is_readable()) return true;
    char byte = 0;
    Result<std::size_t> result{std::size_t{0}};
    return try_read({&byte, 1}, result) == Io::kWantRead;
  }
  bool has_buffered() const noexcept override { return SSL_has_pending(ssl_) == 1; }
  bool is_tls() const noexcept override { return true; }
  void release_buffers() noexcept override { SSL_free_buffers(ssl_); }

  void shutdown_write() noexcept override {
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ::shutdown(source().fd(), SHUT_WR);
  }

 private:
  Io outcome(int done, Result<std::size_t>& result) noexcept {
    switch (SSL_get_error(ssl_, done)) {
      case SSL_ERROR_WANT_READ:
        return Io::kWantRead;
      case SSL_ERROR_WANT_WRITE:
        return Io::kWantWrite;
      case SSL_ERROR_ZERO_RETURN:
        result = std::size_t{0};
        return Io::kDone;
      default:
        result = failure();
        return Io::kDone;
    }
  }

  // Of a caller, whatever breaks its TLS is its end; of an upstream, the reason is told.
  Error failure() const {
    const long verdict = SSL_get_verify_result(ssl_);
    if (client_ != nullptr && verdict != X509_V_OK)
      return Error::formatted(
          Code::kUpstreamFailed, Blame::kUpstream,
          std::string("the upstream's certificate is not valid: ") + X509_verify_cert_error_string(verdict));
    const unsigned long code = ERR_peek_error();
    if (code == 0 || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
      return Error(Code::kClosed, Blame::kGateway, "the peer closed the connection");
    if (client_ == nullptr) return Error(Code::kClosed, Blame::kCaller, "the caller broke its TLS");
    const char* reason = ERR_reason_error_string(code);
    return Error::formatted(Code::kUpstreamFailed, Blame::kUpstream,
                            std::string("TLS failed: ") + (reason != nullptr ? reason : "unknown reason"));
  }

  SSL* ssl_;
  std::shared_ptr<const void> keeps_;  // the context's owner
  ClientTls* client_;                  // null on the server side
};

class HandshakeAwaiter final : public StreamAwaiter {
 public:
  explicit HandshakeAwaiter(TlsStream& stream) noexcept
      : StreamAwaiter(stream, Role::kReader), tls_(stream) {}
  Result<std::size_t> await_resume() noexcept { return std::move(result_); }

 private:
  Stream::Io attempt() noexcept override { return tls_.try_handshake(result_); }
  void fail(Error error) noexcept override { result_ = std::move(error); }
  TlsStream& tls_;
  Result<std::size_t> result_{std::size_t{0}};
};

}  // namespace

Task<Result<std::unique_ptr<Stream>>> accept_tls(Loop& loop, int fd, std::shared_ptr<const ServerTls> tls,
                                                 Monotonic deadline) {
  std::unique_ptr<Source> source = CLV_CO_TRY(Source::create(loop, fd));
  SSL* ssl = SSL_new(tls->context());
  if (ssl == nullptr) co_return Error(Code::kUnavailable, Blame::kGateway, "no memory for a TLS connection");
  SSL_set_accept_state(ssl);
  auto stream = std::make_unique<TlsStream>(std::move(source), ssl, std::move(tls), nullptr);
  stream->set_deadline(deadline);
  CLV_CO_TRY(co_await HandshakeAwaiter(*stream));
  co_return std::unique_ptr<Stream>(std::move(stream));
}

Task<Result<std::unique_ptr<Stream>>> connect_tls(std::unique_ptr<Source> connected,
                                                  std::shared_ptr<ClientTls> tls) {
  SSL* ssl = SSL_new(tls->context());
  if (ssl == nullptr) co_return Error(Code::kUnavailable, Blame::kGateway, "no memory for a TLS connection");
  SSL_set_connect_state(ssl);
  apply_client_settings(ssl, *tls);
  ClientTls* client = tls.get();
  auto stream = std::make_unique<TlsStream>(std::move(connected), ssl, std::move(tls), client);
  CLV_CO_TRY(co_await HandshakeAwaiter(*stream));
  co_return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace claviger::net
