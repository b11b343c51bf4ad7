// SPDX-License-Identifier: Apache-2.0
#include "policy/certificate_name.h"

#include <gtest/gtest.h>

namespace claviger::policy {
namespace {

const std::string kDigest(64, 'a');

TEST(CertificateName, IsOfOneOfFourKinds) {
  for (const std::string& name :
       {std::string("dns:host"), std::string("dns:api.example.com"), std::string("uri:spiffe://Trust/Ns/A"),
        std::string("uri:urn:x"), std::string("email:Some.One@example.com"), "sha256:" + kDigest,
        "dns:" + std::string(512, 'a')})
    EXPECT_EQ(parse_certificate_name(name).value_or(""), name);
  for (const std::string name : {"", "dns", "host", "cn:host", "DNS:host", "ip:10.0.0.1", ":host", "dns:"})
    EXPECT_FALSE(parse_certificate_name(name).has_value()) << name;
}

TEST(CertificateName, HasTheFormInWhichItIsCompared) {
  for (const std::string& name :
       {std::string("dns:Host"), std::string("dns:*.example.com"), std::string("dns:a b"),
        std::string("dns:a\0b", 7), std::string("dns:h\xc3\xb6st"), std::string("uri:/path"),
        std::string("uri::x"), std::string("email:nobody"), std::string("email:@example.com"),
        std::string("email:a@"), std::string("email:a@Example.com"), "sha256:" + kDigest.substr(1),
        "sha256:A" + kDigest.substr(1), "sha256:g" + kDigest.substr(1), "dns:" + std::string(513, 'a')})
    EXPECT_FALSE(parse_certificate_name(name).has_value()) << name;
}

}  // namespace
}  // namespace claviger::policy
