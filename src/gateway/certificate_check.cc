// SPDX-License-Identifier: Apache-2.0
#include "gateway/certificate_check.h"

#include <optional>
#include <string>

namespace claviger::gateway {

void look_at_certificate(Call& call, http::ServerConnection& caller, const net::ServerTls* tls) noexcept {
  if (tls == nullptr) return;
  call.certificate = caller.stream().peer_certificate(*tls);
  call.needs_certificate = tls->trust().requires_it;
  call.lost_certificate =
      call.certificate == nullptr && tls->trust().asks && caller.stream().has_shown_certificate();
}

CertificateOwner owner_of(const net::PeerCertificate* certificate, bool is_required,
                          const policy::Snapshot& policy, WallTime now) noexcept {
  CertificateOwner owner;
  if (certificate == nullptr || certificate->expires <= now) {
    if (is_required) owner.kind = CertificateOwner::Kind::kMissing;
    return owner;
  }
  for (const std::string& name : certificate->names) {
    const std::optional<policy::PrincipalIndex> found = policy.find_certificate(name);
    if (!found) continue;
    if (owner.kind == CertificateOwner::Kind::kNobody) {
      owner = {CertificateOwner::Kind::kOne, *found, name};
    } else if (*found != owner.principal) {
      return {.kind = CertificateOwner::Kind::kSeveral};
    }
  }
  return owner;
}

bool goes_with(const CertificateOwner& owner, policy::PrincipalIndex principal,
               const policy::Snapshot& policy) noexcept {
  if (owner.kind == CertificateOwner::Kind::kNobody) return !policy.principal(principal).has_certificates;
  return owner.kind == CertificateOwner::Kind::kOne && owner.principal == principal;
}

}  // namespace claviger::gateway
