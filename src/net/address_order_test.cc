// SPDX-License-Identifier: Apache-2.0
#include "net/address_order.h"

#include <gtest/gtest.h>

namespace claviger::net {
namespace {

struct Way {
  const char* destination;
  const char* source;  // null: none
};

unsigned rank(const Way& way) {
  std::optional<base::IpAddress> source;
  if (way.source != nullptr) source = *base::parse_ip(way.source);
  return rank_destination(*base::parse_ip(way.destination), source);
}

// The examples of RFC 6724 section 10.2, as far as their rules are used here.
TEST(AddressOrder, PrefersAsTheStandardDoes) {
  constexpr std::pair<Way, Way> kBetterAndWorse[] = {
      {{"2001:db8:1::1", "2001:db8:1::2"}, {"198.51.100.121", "169.254.13.78"}},  // scope of the source
      {{"198.51.100.121", "198.51.100.117"}, {"2001:db8:1::1", "fe80::1"}},
      {{"2001:db8:1::1", "2001:db8:1::2"}, {"10.1.2.3", "10.1.2.4"}},   // precedence
      {{"2001:db8:1::1", "2001:db8:1::2"}, {"2002:c633:6401::1", "2002:c633:6401::2"}},
      {{"2002:c633:6401::1", "2002:c633:6401::2"}, {"2001:db8:1::1", "fe80::2"}},
      {{"fe80::1", "fe80::2"}, {"2001:db8:1::1", "2001:db8:1::2"}},  // the smaller scope
      {{"192.0.2.1", "10.0.0.2"}, {"2001:db8::1", "fd00::2"}},  // translated IPv6, whose label does not match
      {{"::1", "::1"}, {"127.0.0.1", "127.0.0.1"}},
      {{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", nullptr}},  // no way there
      {{"2001:db8::1", "2001:db8::2"}, {"192.0.2.1", nullptr}},
  };
  for (const auto& [better, worse] : kBetterAndWorse)
    EXPECT_LT(rank(better), rank(worse)) << better.destination << " before " << worse.destination;
}

TEST(AddressOrder, LeavesEqualsToTheNameServer) {
  EXPECT_EQ(rank({"198.51.100.1", "192.0.2.1"}), rank({"192.0.2.200", "192.0.2.1"}));
  EXPECT_EQ(rank({"2001:db8:ffff::1", "2001:db8::2"}), rank({"2001:db8::1", "2001:db8::2"}));
}

TEST(AddressOrder, AsksTheKernelForTheSource) {
  EXPECT_EQ(source_for(*base::parse_ip("127.0.0.1")), *base::parse_ip("127.0.0.1"));
  EXPECT_FALSE(source_for(*base::parse_ip("fe80::1")).has_value());  // of which link?
}

}  // namespace
}  // namespace claviger::net
