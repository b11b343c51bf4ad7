// SPDX-License-Identifier: Apache-2.0
#include "gateway/key_check.h"

#include <algorithm>

#include "identity/api_key.h"

namespace claviger::gateway {

// The logs have the key's public id, for those who may know more.
Error unknown_key() noexcept {
  return {Code::kUnauthenticated, Blame::kCaller,
          "the API key is not known, has expired, or may not be used from this address or with this client "
          "certificate"};
}

bool is_usable(const policy::ApiKey& key, const base::IpAddress& address, const policy::Snapshot& policy,
               WallTime now) noexcept {
  const auto contains = [&](const base::Cidr& range) { return range.contains(address); };
  return (!key.expires || *key.expires > now) &&
         (key.cidrs.empty() || std::any_of(key.cidrs.begin(), key.cidrs.end(), contains)) &&
         !policy.principal(key.principal).disabled;
}

namespace {

std::string_view why_not_usable(const policy::ApiKey& key, const policy::Snapshot& policy,
                                WallTime now) noexcept {
  if (key.expires && *key.expires <= now) return "key_expired";
  return policy.principal(key.principal).disabled ? "principal_disabled" : "key_address";
}

}  // namespace

Result<const policy::ApiKey*> check_key(std::string_view text, const base::IpAddress& address,
                                        const policy::Snapshot& policy, WallTime now, crypto::Sha256& sha256,
                                        policy::KeyId& presented, std::string_view* why) noexcept {
  const auto is_wrong = [why](std::string_view word) {
    if (why != nullptr) *why = word;
    return unknown_key();
  };
  const auto parsed = identity::parse_api_key(text);
  if (!parsed && why != nullptr) *why = "key_form";
  if (!parsed)
    return Error(Code::kUnauthenticated, Blame::kCaller,
                 "that is not an API key of this gateway (clv_...), or it was mistyped");
  parsed->id.copy(presented.chars.data(), presented.chars.size());
  const policy::ApiKey* key = policy.find_key(parsed->id);
  if (key == nullptr) return is_wrong("unknown_key");
  if (!crypto::equal_constant_time(sha256.digest(text), key->hash)) return is_wrong("wrong_key");
  if (!is_usable(*key, address, policy, now)) return is_wrong(why_not_usable(*key, policy, now));
  return key;
}

}  // namespace claviger::gateway
