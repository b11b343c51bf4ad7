// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "net/stream.h"
#include "net/task.h"

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;
struct stack_st_X509;

namespace claviger::net {

class ClientIdentity;  // net/client_identity.h
class TicketKeys;  // net/ticket_keys.h

// What is asked of callers.
struct CallerTrust {
  bool asks = false;      // for a certificate,
  bool requires_it = false;  // without which nobody gets in
  crypto::Sha256Digest digest{};  // of all of it, the CA file's content included
  WallTime until = WallTime::max();  // when the first CRL has to be renewed
};

// Who a caller has proved to be with a certificate of `client_ca`: "dns:host", "uri:spiffe://...", "email:..." for each
// subject alternative name of those kinds (host names in lower case), and "sha256:<hex of the DER>", last. Of resumed
// sessions, too.
struct PeerCertificate {
  std::vector<std::string> names;
  WallTime expires{};  // when the first does: of its chain, and of the CRLs that it was held against
};

struct ServerTlsOptions {
  std::string certificate_file;  // PEM: chain, own first
  std::string key_file;
  // PEM: the CAs of callers, who must have a certificate for clients of one of them. Where there are CRLs in it as well, each CA
  // needs one, and what they revoke is refused. Empty: callers are asked for no certificate.
  std::string client_ca_file;
  bool client_certificate_optional = false;  // one may be missing; one that is there must be good
};

// How the gateway proves itself to callers, and what it asks of them: certificate chain and key, TLS 1.2 and 1.3, ALPN
// http/1.1, tickets under keys of this process, no 0-RTT, no renegotiation, no compression.
//
// A session is resumed for twelve hours after the handshake in which certificates were looked at, and no longer than
// those are good; and only where the same is asked of callers, down to the CA file's content.
//
// Threads: any; shared by all workers, so that a ticket of one is good at another.
class ServerTls {
 public:
  // kInvalid names the file and what is wrong; the key must match the certificate. `tickets` outlives it.
  static Result<std::shared_ptr<const ServerTls>> create(const ServerTlsOptions& options,
                                                         TicketKeys& tickets);
  ~ServerTls();
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  ssl_ctx_st* context() const noexcept { return context_; }
  TicketKeys& tickets() const noexcept { return tickets_; }
  const CallerTrust& trust() const noexcept { return trust_; }

 private:
  ServerTls(ssl_ctx_st* context, TicketKeys& tickets) noexcept : context_(context), tickets_(tickets) {}

  ssl_ctx_st* context_;
  TicketKeys& tickets_;
  CallerTrust trust_;
};

// What the gateway proves itself with where it is the client. PEM files; both empty: with nothing.
struct OwnCertificate {
  std::string certificate_file;  // chain, own first
  std::string key_file;
};

// The CAs that upstreams are verified against. To load them takes milliseconds and memory, so upstreams that trust the
// same share one; what differs between those is in ClientTls.
//
// Threads: any; immutable.
class ClientTrust {
 public:
  static Result<std::shared_ptr<const ClientTrust>> of_system(const OwnCertificate& own = {});
  // Certificates in PEM, one at least. kInvalid when that is not what it is. Where there are CRLs in it as well, each CA of a
  // chain needs one, what they revoke is refused, and no session is kept, which would outlive them.
  static Result<std::shared_ptr<const ClientTrust>> of_pem(std::string_view pem,
                                                           const OwnCertificate& own = {});
  ~ClientTrust();
  ClientTrust(const ClientTrust&) = delete;
  ClientTrust& operator=(const ClientTrust&) = delete;
  ssl_ctx_st* context() const noexcept { return context_; }
  bool has_crls() const noexcept { return has_crls_; }

 private:
  explicit ClientTrust(ssl_ctx_st* context) noexcept : context_(context) {}
  ssl_ctx_st* context_;
  bool has_crls_ = false;
};

// Whom an upstream's certificate must be for.
struct ClientTlsOptions {
  std::string server_name;  // SNI as well, but for an address
  bool name_is_ip = false;
  // SHA-256 of SubjectPublicKeyInfo (RFC 7469 section 2.4): some certificate of the verified chain has one of these. Empty: any.
  std::vector<std::array<std::byte, 32>> pins;
  bool tls13_only = false;
  bool is_http = true;  // says so (ALPN http/1.1)
  std::shared_ptr<const ClientIdentity>
      identity;  // shown to whoever asks for one, instead of the trust's own; null: none
};

// How an upstream has to prove itself. Verification is always on; there is no switch.
// The last session is kept for resumption by whoever has this very object, so it serves no other trust, no other name, no other
// identity and no other pins: no certificate is shown when a session is resumed, so the one that began it must have met all of this.
// However often a session leads to the next, the certificate has to be shown again after twelve hours, and once it has expired.
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

  // For the driver: whether some certificate of a verified chain is one of those pinned; offers the kept session, as long as
  // the proof it rests on is good; keeps a new one (taking over the reference).
  bool has_pinned(const stack_st_X509* chain) const;
  void resume(ssl_st* ssl, Monotonic now);
  void remember(ssl_st* ssl, ssl_session_st* session);

 private:
  const std::shared_ptr<const ClientTrust> trust_;
  const ClientTlsOptions
      options_;  // never change: what the session was verified against is what it is resumed under
  ssl_session_st* session_ = nullptr;
};

// A TLS stream over a connected, non-blocking socket, which it takes over. The handshake is done when the
// task ends; `deadline` is for all of it.
// Errors: kClosed, kTimeout, kIo, and kUpstreamFailed (connect: with the reason of a failed verification). Of a client it is
// the source's deadline that counts, and it stays with the stream.
Task<Result<std::unique_ptr<Stream>>> accept_tls(Loop& loop, int fd, std::shared_ptr<const ServerTls> tls,
                                                 Monotonic deadline);
Task<Result<std::unique_ptr<Stream>>> connect_tls(std::unique_ptr<Source> connected,
                                                  std::shared_ptr<ClientTls> tls);

}  // namespace claviger::net
