// SPDX-License-Identifier: Apache-2.0
#include "net/trust_file.h"

#include <fcntl.h>

#include <cerrno>

#include "base/file.h"
#include "base/file_trust.h"

namespace claviger::net {
namespace {

constexpr std::size_t kMostPem = std::size_t{4} << 20;

}  // namespace

Result<std::shared_ptr<const ClientTrust>> read_trust_file(const std::string& ca, const OwnCertificate& own) {
  if (ca.empty()) return ClientTrust::of_system(own);
  const base::Descriptor file(ca, O_RDONLY | O_NONBLOCK);
  std::string pem;
  if (!file.is_open() || !base::read_all(file.number(), kMostPem, pem))
    return Error::from_errno(Code::kInvalid, Blame::kOperator, "reading " + ca, errno);
  CLV_TRY_VOID(base::check_not_writable_by_others(file.number(), ca));
  auto trust = ClientTrust::of_pem(pem, own);
  if (!trust.has_value()) return trust.error().within(ca);
  return trust;
}

}  // namespace claviger::net
