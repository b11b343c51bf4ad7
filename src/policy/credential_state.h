// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace claviger::policy {

// How a credential is. The first four and kInvalid are found out by the gateway, from what upstreams answer; the rest is said by its
// record (registry/record_body.h).
enum class CredentialState : std::uint8_t {
  kActive,
  kThrottled,  // the upstream wants fewer calls, until a time that it says
  kExhausted,  // what it may use up is used up
  kRecovering,  // it was out; a few calls find out whether it still is
  kDisabled,  // by an operator, until one enables it
  kInvalid,  // the upstream does not accept it, or it has expired
  kRevoked,  // for good
  kUnbound,  // it would go elsewhere than its secret was set for
  kMissing,  // no secret was set yet, or has come from where it lies
};
inline constexpr std::size_t kCredentialStates = 9;
inline constexpr std::array<CredentialState, kCredentialStates> kAllCredentialStates = {
    CredentialState::kActive,     CredentialState::kThrottled, CredentialState::kExhausted,
    CredentialState::kRecovering, CredentialState::kDisabled,  CredentialState::kInvalid,
    CredentialState::kRevoked,    CredentialState::kUnbound,   CredentialState::kMissing};

// "active": as events, metrics and `claviger get` have it.
std::string_view state_name(CredentialState state) noexcept;

// Whether a credential in state `from` may come to be in state `to`: the one table of it. From a state to itself is no change, and not in it.
bool may_become(CredentialState from, CredentialState to) noexcept;

// Whether the gateway finds it out by itself, from answers and clocks. It is kept in memory alone.
bool is_found_out(CredentialState state) noexcept;

}  // namespace claviger::policy
