// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/stream.h"
#include "net/task.h"

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace claviger::net {

// How the gateway proves itself to callers: certificate chain and key, TLS 1.2 and 1.3, ALPN http/1.1, tickets
// under keys of this process, no 0-RTT, no renegotiation, no compression.
// Threads: any; shared by all workers, so that a ticket of one is good at another.
class ServerTls {
 public:
  // PEM files. kInvalid names the file and what is wrong; the key must match the certificate.
  static Result<std::shared_ptr<const ServerTls>> create(const std::string& certificate_file,
                                                         const std::string& key_file);
  ~ServerTls();
  ssl_ctx_st* context() const noexcept { return context_; }

 private:
  explicit ServerTls(ssl_ctx_st* context) noexcept : context_(context) {}
  ssl_ctx_st* context_;
};

// The CAs that upstreams are verified against. To load them takes milliseconds and memory, so upstreams that trust the
// same share one; what differs between those is in ClientTls.
//
// Threads: any; immutable.
class ClientTrust {
 public:
  static Result<std::shared_ptr<const ClientTrust>> of_system();
  // Certificates (and CRLs) in PEM, one at least. kInvalid when that is not what it is.
  static Result<std::shared_ptr<const ClientTrust>> of_pem(std::string_view pem);
  ~ClientTrust();
  ClientTrust(const ClientTrust&) = delete;
  ClientTrust& operator=(const ClientTrust&) = delete;
  ssl_ctx_st* context() const noexcept { return context_; }

 private:
  explicit ClientTrust(ssl_ctx_st* context) noexcept : context_(context) {}
  ssl_ctx_st* context_;
};

// Whom an upstream's certificate must be for.
struct ClientTlsOptions {
  std::string server_name;  // SNI as well, but for an address
  bool name_is_ip = false;
};

// How an upstream has to prove itself. Verification is always on; there is no switch.
// The last session is kept for resumption by whoever has this very object, so it serves no other trust, no other name.
// Threads: one worker's; others clone().
class ClientTls {
 public:
  ClientTls(std::shared_ptr<const ClientTrust> trust, ClientTlsOptions options);
  ~ClientTls();
  ClientTls(const ClientTls&) = delete;
  ClientTls& operator=(const ClientTls&) = delete;
  // The same for another worker, with a session of its own.
  std::shared_ptr<ClientTls> clone() const;

  ssl_ctx_st* context() const noexcept { return trust_->context(); }
  const std::shared_ptr<const ClientTrust>& trust() const noexcept { return trust_; }
  const ClientTlsOptions& options() const noexcept { return options_; }

  // For the driver: offers the kept session; keeps a new one (taking over the reference).
  void resume(ssl_st* ssl);
  void remember(ssl_session_st* session);

 private:
  std::shared_ptr<const ClientTrust> trust_;
  ClientTlsOptions options_;
  ssl_session_st* session_ = nullptr;
};

// A TLS stream over a connected, non-blocking socket, which it takes over. The handshake is done when the
// task ends; `deadline` is for all of it.
// Errors: kClosed, kTimeout, kIo, and kUpstreamFailed (connect: with the reason of a failed verification).
Task<Result<std::unique_ptr<Stream>>> accept_tls(Loop& loop, int fd, std::shared_ptr<const ServerTls> tls,
                                                 Monotonic deadline);
Task<Result<std::unique_ptr<Stream>>> connect_tls(std::unique_ptr<Source> connected,
                                                  std::shared_ptr<ClientTls> tls);

}  // namespace claviger::net
