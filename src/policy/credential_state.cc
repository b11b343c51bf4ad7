// SPDX-License-Identifier: Apache-2.0
#include "policy/credential_state.h"

namespace claviger::policy {
namespace {

using enum CredentialState;

constexpr std::array<std::string_view, kCredentialStates> kNames = {
    "active", "throttled", "exhausted", "recovering", "disabled", "invalid", "revoked", "unbound", "missing"};

constexpr std::uint16_t bit(CredentialState state) noexcept {
  return static_cast<std::uint16_t>(1U << static_cast<unsigned>(state));
}
template <class... States>
constexpr std::uint16_t any_of(States... states) noexcept {
  return static_cast<std::uint16_t>((bit(states) | ...));
}

// What somebody does to it, whatever the gateway has found out meanwhile.
constexpr std::uint16_t kByOperators = any_of(kDisabled, kRevoked, kUnbound);
constexpr std::uint16_t kOut = any_of(kThrottled, kExhausted, kInvalid);

// To which states each leads.
constexpr std::array<std::uint16_t, kCredentialStates> kTable = {
    /* active */ kOut | kByOperators,
    // Out, it comes back by a trial; another secret, or `enable`, makes it active at once. The word for why it is out may change.
    /* throttled */ any_of(kActive, kRecovering, kExhausted, kInvalid) | kByOperators,
    /* exhausted */ any_of(kActive, kRecovering, kThrottled, kInvalid) | kByOperators,
    /* recovering */ bit(kActive) | kOut | kByOperators,
    // Nothing is found out of what nobody uses.
    /* disabled */ any_of(kActive, kRevoked, kUnbound),
    /* invalid */ any_of(kActive, kRecovering, kThrottled, kExhausted) | kByOperators,
    /* revoked */ 0,
    /* unbound */ any_of(kActive, kDisabled, kRevoked),
    /* missing */ any_of(kActive, kDisabled, kRevoked),
};

}  // namespace

std::string_view state_name(CredentialState state) noexcept {
  return kNames[static_cast<std::size_t>(state)];
}

bool may_become(CredentialState from, CredentialState to) noexcept {
  return (kTable[static_cast<std::size_t>(from)] & bit(to)) != 0;
}

bool is_found_out(CredentialState state) noexcept {
  return state == kThrottled || state == kExhausted || state == kRecovering || state == kInvalid;
}

}  // namespace claviger::policy
