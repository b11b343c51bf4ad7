// SPDX-License-Identifier: Apache-2.0
#include "vault/reference.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::vault {
namespace {

TEST(SecretReferenceTest, HasFourForms) {
  const auto vault = *SecretReference::parse("vault:secret/team/openai#api key");
  EXPECT_EQ(vault.kind, SourceKind::kVault);
  EXPECT_EQ(vault.place, "secret/team/openai");
  EXPECT_EQ(vault.part, "api key");
  EXPECT_TRUE(vault.is_remote());
  const auto aws = *SecretReference::parse(
      "aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/x-AbCdEf#key");
  EXPECT_EQ(aws.place, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/x-AbCdEf");
  EXPECT_EQ(aws.part, "key");
  EXPECT_EQ(SecretReference::parse("aws-sm:prod/x")->part, "");
  EXPECT_EQ(SecretReference::parse("env:OPENAI_KEY")->place, "OPENAI_KEY");
  const auto file = *SecretReference::parse("file:/run/secrets/a#b");
  EXPECT_EQ(file.place, "/run/secrets/a#b") << "a file's name may hold any byte";
  EXPECT_FALSE(file.is_remote());
}

TEST(SecretReferenceTest, RefusesWhatLeadsElsewhereThanItBegins) {
  for (const char* from : {"vault:secret/../sys/raw#key",
                           "vault:secret/./x#key",
                           "vault:secret//x#key",
                           "vault:/secret/x#key",
                           "vault:secret/x/#key",
                           "vault:secret/x?list=true#key",
                           "vault:secret/%2e%2e/x#key",
                           "vault:secret/x\r\nX: y#key",
                           "vault:secret#key",
                           "vault:secret/x",
                           "vault:secret/x#",
                           "vault:secret/x#a\nb",
                           "aws-sm:",
                           "aws-sm:a b",
                           "aws-sm:x#",
                           "aws-sm:\"",
                           "env:1X",
                           "env:",
                           "file:",
                           "",
                           "fake-secret-itself",
                           "VAULT:secret/x#key"}) {
    const auto parsed = SecretReference::parse(from);
    ASSERT_FALSE(parsed.has_value()) << from;
    EXPECT_EQ(std::string(parsed.error().what()).find("fake-secret"), std::string::npos);
  }
  EXPECT_FALSE(SecretReference::parse("vault:a/" + std::string(2000, 'x') + "#k").has_value());
}

}  // namespace
}  // namespace claviger::vault
