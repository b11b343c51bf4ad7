// SPDX-License-Identifier: Apache-2.0
#include "policy/credential_state.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

namespace claviger::policy {
namespace {

using enum CredentialState;
using Step = std::pair<CredentialState, CredentialState>;

// Written out once more, so that a slip in the one table is seen in the other.
const std::set<Step> kLegal = {
    {kActive, kThrottled},    {kActive, kExhausted},     {kActive, kInvalid},       {kActive, kDisabled},
    {kActive, kRevoked},      {kActive, kUnbound},       {kThrottled, kActive},     {kThrottled, kRecovering},
    {kThrottled, kExhausted}, {kThrottled, kInvalid},    {kThrottled, kDisabled},   {kThrottled, kRevoked},
    {kThrottled, kUnbound},   {kExhausted, kActive},     {kExhausted, kRecovering}, {kExhausted, kThrottled},
    {kExhausted, kInvalid},   {kExhausted, kDisabled},   {kExhausted, kRevoked},    {kExhausted, kUnbound},
    {kRecovering, kActive},   {kRecovering, kThrottled}, {kRecovering, kExhausted}, {kRecovering, kInvalid},
    {kRecovering, kDisabled}, {kRecovering, kRevoked},   {kRecovering, kUnbound},   {kDisabled, kActive},
    {kDisabled, kRevoked},    {kDisabled, kUnbound},     {kInvalid, kActive},       {kInvalid, kRecovering},
    {kInvalid, kThrottled},   {kInvalid, kExhausted},    {kInvalid, kDisabled},     {kInvalid, kRevoked},
    {kInvalid, kUnbound},     {kUnbound, kActive},       {kUnbound, kDisabled},     {kUnbound, kRevoked},
    {kMissing, kActive},      {kMissing, kDisabled},     {kMissing, kRevoked},
};

TEST(CredentialState, GoesToAnotherByTheTableAndByNothingElse) {
  for (const CredentialState from : kAllCredentialStates)
    for (const CredentialState to : kAllCredentialStates)
      EXPECT_EQ(may_become(from, to), kLegal.contains({from, to}))
          << state_name(from) << " to " << state_name(to);
}

TEST(CredentialState, IsNeverLeftOnceItIsRevoked) {
  for (const CredentialState to : kAllCredentialStates)
    EXPECT_FALSE(may_become(kRevoked, to)) << state_name(to);
}

TEST(CredentialState, CanBeRevokedFromWhereverItIs) {
  for (const CredentialState from : kAllCredentialStates)
    EXPECT_EQ(may_become(from, kRevoked), from != kRevoked) << state_name(from);
}

TEST(CredentialState, HasAWordOfItsOwnEach) {
  std::set<std::string_view> words;
  for (const CredentialState state : kAllCredentialStates) words.insert(state_name(state));
  EXPECT_EQ(words.size(), kCredentialStates);
}

}  // namespace
}  // namespace claviger::policy
