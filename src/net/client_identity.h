// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

struct ssl_st;

namespace claviger::net {

// What the gateway proves itself with to one upstream: a certificate, those of the CAs between it and one that the upstream knows, and
// the private key.
//
// Threads: any; immutable. Secrets: the key, in the arena (route_openssl_memory must be in place); of what is made of it in passing
// while it signs nothing is left but there.
class ClientIdentity {
 public:
  // PEM, in any order: the certificate is the one that the key belongs to, the others follow as they stand. RSA of 2048 bits and more,
  // EC or Ed25519; no password. The caller wipes the text.
  // kInvalid says what is wrong and what to do, and nothing of the text.
  static Result<std::shared_ptr<const ClientIdentity>> of_pem(std::string_view pem);
  ~ClientIdentity();
  ClientIdentity(const ClientIdentity&) = delete;
  ClientIdentity& operator=(const ClientIdentity&) = delete;

  // Until the first of its chain ends.
  WallTime good_until() const noexcept { return good_until_; }
  // SHA-256 of all that is shown, hex: of the certificate and its chain.
  const std::string& fingerprint() const noexcept { return fingerprint_; }

  // For the driver: shows it in the handshake that is about to begin.
  void put_on(ssl_st* ssl) const;

 private:
  struct Parts;
  explicit ClientIdentity(std::unique_ptr<Parts> parts) noexcept;
  std::unique_ptr<Parts> parts_;
  WallTime good_until_ = WallTime::max();
  std::string fingerprint_;
};

}  // namespace claviger::net
