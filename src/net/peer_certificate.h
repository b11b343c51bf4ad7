// SPDX-License-Identifier: Apache-2.0
#pragma once

// Internal to net: what a caller's certificate says, once hands are shaken; and what of it a session ticket has to say.

#include <memory>
#include <optional>

#include "base/result.h"
#include "net/tls.h"

struct ssl_st;
struct ssl_session_st;
struct x509_st;

namespace claviger::net {

// The caller's certificate; null where none was asked for, or none had to be shown. kDenied for one that proves nothing, whose names
// are too many (32), too long (512 bytes) or hold anything but visible ASCII.
Result<std::unique_ptr<PeerCertificate>> read_peer_certificate(ssl_st* ssl, const ServerTls& tls);

// Whether the certificate that was shown is good by other settings than hands were shaken with, and until when. Of a resumed session
// only the certificate itself is known: CAs between it and those of the file have to be in the file.
std::optional<WallTime> verify_again(ssl_st* ssl, const ServerTls& now) noexcept;

// Its names alone.
Result<std::vector<std::string>> read_names(const x509_st* certificate);

// Notes in a new session when certificates were looked at, and until when they are good. A resumed one keeps what it has, so that
// resuming again and again does not make it last longer. False when there is no memory for that.
bool stamp_session(ssl_st* ssl, const ServerTls& tls) noexcept;
// Whether, by that stamp, a session may be resumed.
bool may_resume(const ssl_session_st* session, WallTime now) noexcept;

}  // namespace claviger::net
