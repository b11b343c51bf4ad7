// SPDX-License-Identifier: Apache-2.0
#include "audit/pseudonym.h"

#include <span>

#include "base/parse.h"
#include "crypto/hash.h"

namespace claviger::audit {

std::string Pseudonyms::of(const base::IpAddress& address) const {
  constexpr std::string_view kPrefix = "p-";
  const std::string text = base::format_ip(address);
  const crypto::Sha256Digest mac = crypto::hmac_sha256(key_.reveal(), std::as_bytes(std::span(text)));
  return std::string(kPrefix) + base::format_hex(std::span(mac).first((kSize - kPrefix.size()) / 2));
}

std::string recorded_address(const base::IpAddress& address, Addresses how, const Pseudonyms* pseudonyms) {
  if (how == Addresses::kNone) return {};
  return how == Addresses::kPseudonym ? pseudonyms->of(address) : base::format_ip(address);
}

}  // namespace claviger::audit
