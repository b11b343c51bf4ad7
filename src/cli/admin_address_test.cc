// SPDX-License-Identifier: Apache-2.0
#include "cli/admin_address.h"

#include <gtest/gtest.h>

namespace claviger::cli {
namespace {

TEST(AdminAddress, ReadsTheDefault) {
  const auto address = parse_admin_address(kDefaultAdminAddress);
  ASSERT_TRUE(address.has_value()) << address.error().what();
  EXPECT_TRUE(address->tls);
  EXPECT_TRUE(address->host_is_ip);
  EXPECT_EQ(address->destination.host, "127.0.0.1");
  EXPECT_EQ(address->destination.port, 9443);
  EXPECT_EQ(address->authority, "127.0.0.1:9443");
  EXPECT_TRUE(address->destination.rules.allow_private);
}

TEST(AdminAddress, TakesTheAdminPortWhenNoneIsSaid) {
  EXPECT_EQ(parse_admin_address("https://gateway.example")->destination.port, 9443);
  EXPECT_EQ(parse_admin_address("https://gateway.example/")->authority, "gateway.example:9443");
  EXPECT_EQ(parse_admin_address("https://[::1]")->authority, "[::1]:9443");
  EXPECT_EQ(parse_admin_address("https://[::1]")->destination.host, "::1");
}

TEST(AdminAddress, TakesTheSchemesPortWhenItIsWrittenDown) {
  EXPECT_EQ(parse_admin_address("https://gateway.example:443")->destination.port, 443);
  EXPECT_EQ(parse_admin_address("https://[::1]:443/")->authority, "[::1]:443");
}

TEST(AdminAddress, KeepsPlaintextOnThisMachine) {
  for (const char* fine :
       {"http://127.0.0.1:9080", "http://127.1.2.3:9080", "http://[::1]:9080", "http://localhost:9080"})
    EXPECT_TRUE(parse_admin_address(fine).has_value()) << fine;
  for (const char* wrong : {"http://192.0.2.1:9080", "http://gateway.example:9080", "http://0.0.0.0:9080",
                            "http://localhost.example", "http://[2001:db8::1]:9080"}) {
    const auto address = parse_admin_address(wrong);
    ASSERT_FALSE(address.has_value()) << wrong;
    EXPECT_TRUE(address.error().what().starts_with("CLAVIGER_ADDR: http:// is for this machine alone"))
        << address.error().what();
  }
}

TEST(AdminAddress, RefusesWhatIsNoAddressOfAListener) {
  for (const char* wrong : {"", "127.0.0.1:9443", "https://", "https://host:", "https://host:0",
                            "https://host:99999", "https://host/api", "https://host?x", "https://user@host",
                            "ftp://host", "https://a b", "https://host\r\nX: y"})
    EXPECT_FALSE(parse_admin_address(wrong).has_value()) << wrong;
}

}  // namespace
}  // namespace claviger::cli
