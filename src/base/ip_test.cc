// SPDX-License-Identifier: Apache-2.0
#include "base/ip.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string_view>
#include <vector>

namespace claviger::base {
namespace {

using std::string_view_literals::operator""sv;

std::string round_trip(std::string_view text) {
  const auto address = parse_ip(text);
  return address.has_value() ? format_ip(*address) : "refused";
}

TEST(ParseIp, ReadsBothFamilies) {
  for (const std::string_view text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                                      "fe80::1", "2001:db8:1:2:3:4:5:6", "ff02::fb"}) {
    EXPECT_EQ(round_trip(text), text);
  }
  EXPECT_EQ(round_trip("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(round_trip("2001:0db8::0001"), "2001:db8::1");
  EXPECT_EQ(round_trip("64:ff9b::192.0.2.1"), "64:ff9b::c000:201");
}

TEST(NetworkOf, IsTheAddressOrOfIpv6ItsFirst64Bits) {
  const auto of = [](std::string_view text) {
    const IpAddress address = *parse_ip(text);
    const auto network = network_of(address);
    return std::vector<std::uint8_t>(network.begin(), network.end());
  };
  EXPECT_EQ(of("192.0.2.1"), (std::vector<std::uint8_t>{192, 0, 2, 1}));
  EXPECT_EQ(of("2001:db8::1"), of("2001:db8::ffff:ffff:ffff:ffff"));
  EXPECT_NE(of("2001:db8::1"), of("2001:db8:0:1::1"));
  EXPECT_EQ(of("::ffff:192.0.2.1"), of("192.0.2.1"));
}

TEST(ParseIp, FoldsMappedAddressesIntoV4) {
  for (const std::string_view text : {"::ffff:127.0.0.1", "::FFFF:7f00:1", "0:0:0:0:0:ffff:127.0.0.1"}) {
    const auto address = parse_ip(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_FALSE(address->v6);
    EXPECT_EQ(*address, *parse_ip("127.0.0.1"));
  }
  EXPECT_TRUE(parse_ip("::7f00:1")->v6);       // v4-compatible is not mapped
  EXPECT_TRUE(parse_ip("::ffff:0:7f00:1")->v6);  // nor is v4-translated
}

TEST(ParseIp, RefusesEveryOtherWriting) {
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "1"sv,
                                      "127.1"sv,
                                      "1.2.3"sv,
                                      "1.2.3.4.5"sv,
                                      "1.2.3.256"sv,
                                      "01.2.3.4"sv,
                                      "1.2.3.04"sv,
                                      "0x7f.0.0.1"sv,
                                      "0177.0.0.1"sv,
                                      "2130706433"sv,
                                      "1.2.3.4 "sv,
                                      " 1.2.3.4"sv,
                                      "1.2.3.4\n"sv,
                                      "1.2.3.4\0"sv,
                                      "1.2.3.-4"sv,
                                      "1.2.3.+4"sv,
                                      "1..3.4"sv,
                                      ".1.2.3.4"sv,
                                      "1.2.3.4."sv,
                                      "a.b.c.d"sv,
                                      ":"sv,
                                      ":::"sv,
                                      "1::2::3"sv,
                                      "1:2:3:4:5:6:7"sv,
                                      "1:2:3:4:5:6:7:8:9"sv,
                                      "12345::"sv,
                                      "g::"sv,
                                      "[::1]"sv,
                                      "fe80::1%eth0"sv,
                                      "fe80::1%1"sv,
                                      "::1/128"sv,
                                      "::ffff:1.2.3"sv,
                                      "::ffff:1.2.3.256"sv,
                                      "::1.2.3.4.5"sv,
                                      "1:2:3:4:5:6:7::8:9"sv,
                                      "::1\0"sv,
                                      "::1 "sv,
                                      ":1:2:3:4:5:6:7"sv,
                                      "1:2:3:4:5:6:7:"sv,
                                      "localhost"sv,
                                      "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"sv}) {
    const auto address = parse_ip(text);
    ASSERT_FALSE(address.has_value()) << text;
    EXPECT_EQ(address.error().code(), Code::kInvalid);
  }
}

bool covers(std::string_view range, std::string_view address) {
  return parse_cidr(range)->contains(*parse_ip(address));
}

TEST(Cidr, ContainsExactlyItsRange) {
  EXPECT_TRUE(covers("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(covers("10.0.0.0/8", "11.0.0.0"));
  EXPECT_FALSE(covers("10.0.0.0/8", "9.255.255.255"));
  EXPECT_TRUE(covers("172.16.0.0/12", "172.31.255.255"));
  EXPECT_FALSE(covers("172.16.0.0/12", "172.32.0.0"));
  EXPECT_TRUE(covers("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(covers("192.0.2.1", "192.0.2.0"));
  EXPECT_TRUE(covers("192.0.2.0/31", "192.0.2.1"));
  EXPECT_FALSE(covers("192.0.2.0/31", "192.0.2.2"));
  EXPECT_TRUE(covers("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(covers("2001:db8::/33", "2001:db8:8000::"));
  EXPECT_TRUE(covers("::1/128", "::1"));
  EXPECT_FALSE(covers("::1/128", "::2"));
}

TEST(Cidr, OfPrefixZeroHoldsItsWholeFamilyAndNoOther) {
  EXPECT_TRUE(covers("0.0.0.0/0", "255.255.255.255"));
  EXPECT_TRUE(covers("::/0", "2001:db8::1"));
  EXPECT_FALSE(covers("0.0.0.0/0", "::"));
  EXPECT_FALSE(covers("::/0", "0.0.0.0"));
}

TEST(Cidr, SeesThroughMappedWriting) {
  EXPECT_TRUE(covers("127.0.0.0/8", "::ffff:127.1.2.3"));
  EXPECT_TRUE(covers("::ffff:127.0.0.0/104", "127.1.2.3"));
  EXPECT_EQ(parse_cidr("::ffff:10.0.0.0/104")->prefix, 8);
  EXPECT_EQ(parse_cidr("::ffff:0.0.0.0/96")->prefix, 0);
  EXPECT_EQ(parse_cidr("::ffff:10.0.0.1")->prefix, 32);
  EXPECT_FALSE(parse_cidr("::ffff:10.0.0.0/8").has_value());
  EXPECT_FALSE(parse_cidr("::ffff:10.0.0.0/129").has_value());
}

TEST(ParseCidr, RefusesHostBitsAndMalformedPrefixes) {
  for (const std::string_view text : {""sv,
                                      "/"sv,
                                      "/8"sv,
                                      "10.0.0.0/"sv,
                                      "10.0.0.0/33"sv,
                                      "10.0.0.0/08"sv,
                                      "10.0.0.0/+8"sv,
                                      "10.0.0.0/-1"sv,
                                      "10.0.0.0/ 8"sv,
                                      "10.0.0.0 /8"sv,
                                      "10.0.0.0/8/8"sv,
                                      "10.0.0.1/8"sv,
                                      "10.128.0.0/8"sv,
                                      "192.0.2.1/31"sv,
                                      "10.0.0.0/255.0.0.0"sv,
                                      "2001:db8::/129"sv,
                                      "2001:db8::1/32"sv,
                                      "::1/127"sv,
                                      "10/8"sv,
                                      "10.0.0.0/256"sv,
                                      "10.0.0.0/18446744073709551624"sv}) {
    const auto range = parse_cidr(text);
    ASSERT_FALSE(range.has_value()) << text;
    EXPECT_EQ(range.error().code(), Code::kInvalid);
  }
}

// For each range: its first and last address are special, and their neighbours outside are not.
TEST(IsSpecialPurpose, BeginsAndEndsWhereTheRegistrySays) {
  struct Range {
    std::string_view before, first, last, after;  // neighbours are empty where another range adjoins
  };
  for (const Range& range : std::initializer_list<Range>{
           {"", "0.0.0.0", "0.255.255.255", "1.0.0.0"},
           {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
           {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
           {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
           {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
           {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
           {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
           {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
           {"192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"},
           {"192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"},
           {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
           {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
           {"192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"},
           {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
           {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
           {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
           {"223.255.255.255", "224.0.0.0", "239.255.255.255", ""},
           {"", "240.0.0.0", "255.255.255.255", ""},
           {"", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"},
           {"2000:ffff:ffff::", "2001::", "2001:1ff:ffff::", "2001:200::"},
           {"2001:db7:ffff::", "2001:db8::", "2001:db8:ffff::", "2001:db9::"},
           {"2620:4f:7fff::", "2620:4f:8000::", "2620:4f:8000:ffff::", "2620:4f:8001::"},
           {"3ffe:ffff::", "3fff::", "3fff:fff:ffff::", "3fff:1000::"},
           {"3fff:ffff:ffff::", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
       }) {
    EXPECT_TRUE(is_special_purpose(*parse_ip(range.first))) << range.first;
    EXPECT_TRUE(is_special_purpose(*parse_ip(range.last))) << range.last;
    if (!range.before.empty()) EXPECT_FALSE(is_special_purpose(*parse_ip(range.before))) << range.before;
    if (!range.after.empty()) EXPECT_FALSE(is_special_purpose(*parse_ip(range.after))) << range.after;
  }
}

TEST(IsSpecialPurpose, CatchesLocalAddressesOfEveryKind) {
  for (const std::string_view text :
       {"::1", "::", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "100::1", "5f00::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b:1::a00:1",
        "fd00:ec2::254", "169.254.169.254"}) {
    EXPECT_TRUE(is_special_purpose(*parse_ip(text))) << text;
  }
}

TEST(IsSpecialPurpose, LooksInsideNat64And6to4) {
  for (const std::string_view text :
       {"64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::5", "2002:c0a8:101::1"}) {
    EXPECT_TRUE(is_special_purpose(*parse_ip(text))) << text;
  }
  for (const std::string_view text : {"64:ff9b::8.8.8.8", "2002:808:808::1"}) {
    EXPECT_FALSE(is_special_purpose(*parse_ip(text))) << text;
  }
}

TEST(IsSpecialPurpose, LetsPublicAddressesBe) {
  for (const std::string_view text :
       {"8.8.8.8", "1.1.1.1", "104.18.7.192", "::ffff:8.8.8.8", "2606:4700::6810:84e5", "2a00:1450::1"}) {
    EXPECT_FALSE(is_special_purpose(*parse_ip(text))) << text;
  }
}

}  // namespace
}  // namespace claviger::base
