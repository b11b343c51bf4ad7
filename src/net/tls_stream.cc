// SPDX-License-Identifier: Apache-2.0
// The TLS driver: SSL* over a BIO of our own, which minds the socket's readiness and never raises SIGPIPE.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <string_view>
#include <utility>

#include "base/check.h"
#include "net/peer_certificate.h"
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

// --- Failures ------------------------------------------------------------------------------------

// By OpenSSL's reason: what this side refused, or the alert by which the other one did.
telemetry::TlsFailure failure_of(unsigned long code) noexcept {
  using telemetry::TlsFailure;
  if (code == 0) return TlsFailure::kClosed;
  switch (ERR_GET_REASON(code)) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return TlsFailure::kClosed;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return TlsFailure::kVersion;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
      return TlsFailure::kCipher;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return TlsFailure::kCertificate;
    default:
      return TlsFailure::kOther;
  }
}

// What an upstream's alert says of the certificate that it was shown, or was not, and what to do; empty: nothing.
std::string_view refused_identity(int reason, bool has_one) noexcept {
  if (!has_one)
    return reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED
               ? "the upstream wants a certificate (auth: { kind: client_certificate })"
               : "";
  switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "the upstream does not know the CA of the certificate; the secret has to hold the CAs' "
             "certificates between it "
             "and one that the upstream knows";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "the upstream says that the certificate has expired; set a new one with `claviger credential "
             "set`";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      return "the upstream says that the certificate is revoked; set a new one with `claviger credential "
             "set`";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      return "the upstream refuses the certificate; is it one for clients (extendedKeyUsage clientAuth)?";
    default:
      return {};
  }
}

// Of a handshake that this side waited for no longer.
void count_given_up(telemetry::WorkerMetrics& metrics, telemetry::Side side, Code why) noexcept {
  using telemetry::TlsFailure;
  if (why == Code::kTimeout) return metrics.add(side, TlsFailure::kTimeout);
  metrics.add(side, why == Code::kClosed ? TlsFailure::kClosed : TlsFailure::kOther);
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
    const Io io = outcome(done, result);
    if (io != Io::kDone) return io;
    metrics().add(side(), why_failed());
    // A goodbye in place of a hello is the end of a stream, and this is none yet.
    if (result.has_value()) result = Error(Code::kClosed, Blame::kGateway, "the peer closed the connection");
    return io;
  }
  // Of a caller, once hands are shaken.
  Result<void> look_at_peer(const ServerTls& tls) {
    auto peer = read_peer_certificate(ssl_, tls);
    if (!peer.has_value()) {
      metrics().add(side(), telemetry::TlsFailure::kCertificate);
      return peer.error();
    }
    peer_ = *std::move(peer);
    judged_by_ = tls.trust().digest;
    return ok();
  }
  // There is nothing left to object to.
  void count_completed() noexcept {
    metrics().add(
        telemetry::TlsHandshake{side(), SSL_version(ssl_) == TLS1_3_VERSION, SSL_session_reused(ssl_) == 1});
  }
  // It was given up.
  void count_unfinished(Code why) noexcept { count_given_up(metrics(), side(), why); }

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
    if (!source().is_readable() && !has_begun_a_record()) return true;
    char byte = 0;
    Result<std::size_t> result{std::size_t{0}};
    return try_read({&byte, 1}, result) == Io::kWantRead && !has_begun_a_record();
  }
  bool has_buffered() const noexcept override { return SSL_has_pending(ssl_) == 1; }
  bool is_tls() const noexcept override { return true; }
  bool is_resumed() const noexcept override { return SSL_session_reused(ssl_) == 1; }
  bool has_shown_certificate() const noexcept override { return peer_ != nullptr; }
  const PeerCertificate* peer_certificate(const ServerTls& now) noexcept override {
    if (peer_ == nullptr) return nullptr;
    if (now.trust().digest != judged_by_) judge_peer(now);
    return peer_is_good_ ? peer_.get() : nullptr;
  }
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

  // Of what is not whole yet, there is nothing to be read; it is the beginning of something all the same. Where no more than
  // its head has come, nothing is buffered, and OpenSSL waits for the body ("RB").
  bool has_begun_a_record() const noexcept {
    return has_buffered() || std::string_view(SSL_rstate_string(ssl_)) == "RB";
  }

  telemetry::WorkerMetrics& metrics() const noexcept { return loop().metrics(); }
  telemetry::Side side() const noexcept {
    return client_ != nullptr ? telemetry::Side::kUpstream : telemetry::Side::kCaller;
  }

  // Its names stay what they are, and where they are.
  void judge_peer(const ServerTls& now) noexcept {
    const auto until = verify_again(ssl_, now);
    peer_is_good_ = until.has_value();
    if (until) peer_->expires = *until;
    judged_by_ = now.trust().digest;
  }

  // Of the handshake that has just failed.
  telemetry::TlsFailure why_failed() const noexcept {
    if (SSL_get_verify_result(ssl_) != X509_V_OK) return telemetry::TlsFailure::kCertificate;
    return failure_of(ERR_peek_error());
  }

  // Of a caller, whatever breaks its TLS is its end; of an upstream, the reason is told.
  Error failure() const {
    const long verdict = SSL_get_verify_result(ssl_);
    if (client_ != nullptr && verdict == kNotPinned)
      return Error(Code::kUpstreamFailed, Blame::kUpstream,
                   "the upstream's certificate is not one of those pinned (tls.pins)");
    if (client_ != nullptr && verdict != X509_V_OK)
      return Error::detailed(
          Code::kUpstreamFailed, Blame::kUpstream, "the upstream's certificate is not valid",
          std::string("the upstream's certificate is not valid: ") + X509_verify_cert_error_string(verdict));
    const unsigned long code = ERR_peek_error();
    if (code == 0 || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
      return Error(Code::kClosed, Blame::kGateway, "the peer closed the connection");
    if (client_ == nullptr) return Error(Code::kClosed, Blame::kCaller, "the caller broke its TLS");
    if (const std::string_view why =
            refused_identity(ERR_GET_REASON(code), client_->options().identity != nullptr);
        !why.empty())
      return Error::detailed(Code::kUpstreamFailed, Blame::kUpstream,
                             "the upstream does not take the gateway's certificate", std::string(why));
    const char* reason = ERR_reason_error_string(code);
    return Error::detailed(Code::kUpstreamFailed, Blame::kUpstream, "TLS with the upstream failed",
                           std::string("TLS failed: ") + (reason != nullptr ? reason : "unknown reason"));
  }

  SSL* ssl_;
  std::shared_ptr<const void> keeps_;  // the context's owner
  ClientTls* client_;  // null on the server side
  std::unique_ptr<PeerCertificate> peer_;
  crypto::Sha256Digest judged_by_{};
  bool peer_is_good_ = true;
};

class HandshakeAwaiter final : public StreamAwaiter {
 public:
  explicit HandshakeAwaiter(TlsStream& stream) noexcept
      : StreamAwaiter(stream, Role::kReader), tls_(stream) {}
  Result<std::size_t> await_resume() noexcept { return std::move(result_); }

 private:
  Stream::Io attempt() noexcept override { return tls_.try_handshake(result_); }
  void fail(Error error) noexcept override {
    tls_.count_unfinished(error.code());
    result_ = std::move(error);
  }
  TlsStream& tls_;
  Result<std::size_t> result_{std::size_t{0}};
};

// Until the peer of a connection that was just accepted has said something, and then until it is its turn. Whoever says nothing
// costs a socket, and not the tens of kilobytes that OpenSSL takes for a handshake; and however many want one, which each takes
// longer than dozens of calls, the calls of others come first.
class HelloAwaiter final : public Waiter, public Deferred {
 public:
  explicit HelloAwaiter(Source& source) noexcept : source_(source) {}
  ~HelloAwaiter() {
    if (handle_) leave();
  }
  HelloAwaiter(const HelloAwaiter&) = delete;
  HelloAwaiter& operator=(const HelloAwaiter&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    source_.wait_as_reader(*this, Source::Direction::kRead);
  }
  Result<void> await_resume() const noexcept {
    if (why_ == Wakeup::kReady) return ok();
    if (why_ == Wakeup::kTimeout) return Error(Code::kTimeout, Blame::kCaller, "the caller said nothing");
    return Error(Code::kCancelled, Blame::kGateway, "the connection is not wanted any more");
  }

 private:
  void on_wakeup(Wakeup why) noexcept override {
    if (why != Wakeup::kReady || source_.is_broken()) return resume(why);
    if (!std::exchange(is_deferred_, true)) source_.loop().defer(*this);
    source_.wait_as_reader(*this, Source::Direction::kRead);
  }
  void on_turn() noexcept override {
    is_deferred_ = false;
    resume(Wakeup::kReady);
  }
  void resume(Wakeup why) noexcept {
    leave();
    why_ = why;
    std::exchange(handle_, nullptr).resume();
  }
  void leave() noexcept {
    source_.forget(*this);
    if (std::exchange(is_deferred_, false)) source_.loop().undefer(*this);
  }

  Source& source_;
  std::coroutine_handle<> handle_;
  bool is_deferred_ = false;
  Wakeup why_ = Wakeup::kReady;
};

}  // namespace

Task<Result<std::unique_ptr<Stream>>> accept_tls(Loop& loop, int fd, std::shared_ptr<const ServerTls> tls,
                                                 Monotonic deadline) {
  std::unique_ptr<Source> source = CLV_CO_TRY(Source::create(loop, fd));
  source->set_deadline(deadline);
  if (auto spoke = co_await HelloAwaiter(*source); !spoke.has_value()) {
    count_given_up(loop.metrics(), telemetry::Side::kCaller, spoke.error().code());
    Source::retire(std::move(source));
    co_return std::move(spoke).error();
  }
  // It may have said goodbye, of which there is nothing to be made either.
  if (source->is_broken() || (source->is_half_closed() && !source->has_unread())) {
    count_given_up(loop.metrics(), telemetry::Side::kCaller, Code::kClosed);
    Source::retire(std::move(source));
    co_return Error(Code::kClosed, Blame::kGateway, "the peer closed the connection");
  }
  SSL* ssl = SSL_new(tls->context());
  if (ssl == nullptr) {
    Source::retire(std::move(source));
    co_return Error(Code::kUnavailable, Blame::kGateway, "no memory for a TLS connection");
  }
  SSL_set_accept_state(ssl);
  const ServerTls& server = *tls;  // which the stream keeps
  auto stream = std::make_unique<TlsStream>(std::move(source), ssl, std::move(tls), nullptr);
  CLV_CO_TRY(co_await HandshakeAwaiter(*stream));
  CLV_CO_TRY_VOID(stream->look_at_peer(server));
  stream->count_completed();
  co_return std::unique_ptr<Stream>(std::move(stream));
}

Task<Result<std::unique_ptr<Stream>>> connect_tls(std::unique_ptr<Source> connected,
                                                  std::shared_ptr<ClientTls> tls) {
  SSL* ssl = SSL_new(tls->context());
  if (ssl == nullptr) {
    Source::retire(std::move(connected));
    co_return Error(Code::kUnavailable, Blame::kGateway, "no memory for a TLS connection");
  }
  SSL_set_connect_state(ssl);
  apply_client_settings(ssl, *tls, connected->loop().now());
  ClientTls* client = tls.get();
  auto stream = std::make_unique<TlsStream>(std::move(connected), ssl, std::move(tls), client);
  CLV_CO_TRY(co_await HandshakeAwaiter(*stream));
  stream->count_completed();
  co_return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace claviger::net
