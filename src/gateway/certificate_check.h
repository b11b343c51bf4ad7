// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "gateway/call.h"
#include "http/server_connection.h"
#include "net/tls.h"
#include "policy/snapshot.h"

namespace claviger::gateway {

// What the caller's connection has shown, by what is asked of callers now; null: it is plain.
void look_at_certificate(Call& call, http::ServerConnection& caller, const net::ServerTls* tls) noexcept;

// Whom the certificate that a caller's connection has shown is of.
struct CertificateOwner {
  enum class Kind : std::uint8_t {
    kNobody,   // none was shown, it has expired, or no principal has a name of it
    kMissing,  // the same, but that one has to be shown which has not expired
    kOne,
    kSeveral,  // names of it are different principals': it is nobody's to use
  };
  Kind kind = Kind::kNobody;
  policy::PrincipalIndex principal = 0;
  std::string_view name;  // the first that is known; a view into the certificate
};

// `certificate` may be null; whether one has to be shown is what the listener says.
// Cost: a look-up for each name, of which there are two in most certificates; none where no principal has any.
CertificateOwner owner_of(const net::PeerCertificate* certificate, bool is_required,
                          const policy::Snapshot& policy, WallTime now) noexcept;

// Whether a key of `principal` may be used on such a connection: the certificate is not missing and, if it is anybody's,
// is the same principal's; and who has certificates shows one, so that a stolen key alone is worth nothing.
bool goes_with(const CertificateOwner& owner, policy::PrincipalIndex principal,
               const policy::Snapshot& policy) noexcept;

}  // namespace claviger::gateway
