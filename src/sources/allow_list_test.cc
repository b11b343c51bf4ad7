// SPDX-License-Identifier: Apache-2.0
#include "sources/allow_list.h"

#include <gtest/gtest.h>

#include <array>

namespace claviger::sources {
namespace {

using vault::SourceKind;

const std::array<std::string, 1> kOpenai = {"api.openai.com"};
const std::array<std::string, 2> kTwo = {"api.openai.com", "evil.example"};

bool may(const AllowList& list, std::string_view from, std::span<const std::string> to = kOpenai) {
  return list.check(*vault::SecretReference::parse(from), to).has_value();
}

TEST(AllowListTest, AllowsWhatItNamesAndNoMore) {
  AllowList list;
  EXPECT_FALSE(may(list, "env:OPENAI_KEY")) << "nothing is named";
  list.add({SourceKind::kEnvironment, "OPENAI_KEY", {}});
  list.add({SourceKind::kEnvironment, "TEAM_*", {}});
  list.add({SourceKind::kVault, "secret/team/", {}});
  list.add({SourceKind::kFile, "/run/secrets/", {}});
  EXPECT_TRUE(may(list, "env:OPENAI_KEY"));
  EXPECT_TRUE(may(list, "env:TEAM_A"));
  EXPECT_FALSE(may(list, "env:OPENAI_KEY2"));
  EXPECT_FALSE(may(list, "env:MASTER"));
  EXPECT_TRUE(may(list, "vault:secret/team/a/b#x"));
  EXPECT_FALSE(may(list, "vault:secret/teams/a#x"));
  EXPECT_FALSE(may(list, "aws-sm:secret/team/a")) << "another kind of source";
  EXPECT_TRUE(may(list, "file:/run/secrets/a"));
}

TEST(AllowListTest, NoPathLeavesWhatItBeginsWith) {
  AllowList list;
  list.add({SourceKind::kFile, "/run/secrets/", {}});
  for (const char* from : {"file:/run/secrets/../../data/master.key", "file:/run/secrets/./a",
                           "file:/run/secrets//a", "file:run/secrets/a", "file:/run/secrets/.."})
    EXPECT_FALSE(may(list, from)) << from;
}

TEST(AllowListTest, WhatGoesSomewhereGoesThereAlone) {
  AllowList list;
  list.add({SourceKind::kVault, "secret/openai", {"api.openai.com"}});
  EXPECT_TRUE(may(list, "vault:secret/openai#key"));
  EXPECT_FALSE(may(list, "vault:secret/openai#key", kTwo)) << "each destination counts";
  const std::array<std::string, 1> port = {"api.openai.com:8443"};
  EXPECT_FALSE(may(list, "vault:secret/openai#key", port));
  list.add({SourceKind::kVault, "secret/*", {"evil.example", "api.openai.com"}});
  EXPECT_TRUE(may(list, "vault:secret/openai#key", kTwo)) << "one rule that lets it is enough";
}

TEST(AllowListTest, ResourcesThatAreTrustedAreHeldToRulesWhereThereAreSome) {
  AllowList list;
  list.trust_resources();
  EXPECT_TRUE(may(list, "vault:secret/x#key"));
  EXPECT_TRUE(may(list, "file:relative"));
  list.add({SourceKind::kVault, "secret/openai", {}});
  EXPECT_FALSE(may(list, "vault:secret/x#key"));
  EXPECT_TRUE(may(list, "env:ANY"));
}

}  // namespace
}  // namespace claviger::sources
