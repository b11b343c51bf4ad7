// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/names.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>

namespace claviger::doors::externaldns {
namespace {

const std::array<std::string, 3> kZones = {"example.com", "example.org", "sub.example.com"};

TEST(Names, AreInLowerCaseWithoutATrailingDot) {
  EXPECT_EQ(*canonical_name("WWW.Example.COM."), "www.example.com");
  EXPECT_EQ(*canonical_name("*.example.com"), "*.example.com");
  EXPECT_EQ(*canonical_name("_sip._tcp.example.com"), "_sip._tcp.example.com");
  EXPECT_EQ(*canonical_name("0/25.2.0.192.in-addr.arpa"), "0/25.2.0.192.in-addr.arpa");
  EXPECT_EQ(*canonical_name("com"), "com");
}

// The first are RFC 3492's own, section 7.1.
TEST(Names, ThatAreNotAsciiAreInPunycode) {
  for (const auto& [text, ascii] : {
           std::pair{"\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4"
                     "\xe4\xb8\xad\xe6\x96\x87",
                     "xn--ihqwcrb4cv8a8dqg056pqjye"},
           std::pair{"3\xe5\xb9\xb4"
                     "b\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f",
                     "xn--3b-ww4c5e180e575a65lsy2b"},
           std::pair{"m\xc3\xbcnchen.example.com", "xn--mnchen-3ya.example.com"},
           std::pair{"M\xc3\x9cNCHEN.example.com", "xn--mnchen-3ya.example.com"},
           std::pair{"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80", "xn--e1afmkfd"},
           std::pair{"stra\xc3\x9f"
                     "e.example",
                     "xn--strae-oqa.example"},
       })
    EXPECT_EQ(*canonical_name(text), ascii);
}

TEST(Names, ThatNoServerTakesAreRefused) {
  const std::string long_label(64, 'a');
  std::string long_name = "a";
  while (long_name.size() < 254) long_name += ".a";
  for (const std::string& text :
       {std::string(""), std::string("."), std::string("a..b"), std::string(".a"), std::string("a.*.b"),
        std::string("a*.b"), std::string("**.b"), std::string("-a.b"), std::string("a-.b"),
        std::string("a b.c"), std::string("a\\.b"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\xff.b"), long_label + ".b", long_name, std::string(2000, '.'),
        "\xc3\xbc" + long_label}) {
    const auto name = canonical_name(text);
    ASSERT_FALSE(name.has_value()) << text;
    EXPECT_EQ(name.error().code(), Code::kBadRequest);
  }
  EXPECT_EQ(*canonical_name(".", true), ".");
  EXPECT_TRUE(canonical_name(std::string(63, 'a')).has_value());
}

TEST(Names, BelongToTheLongestZone) {
  EXPECT_EQ(zone_of("example.com", kZones), "example.com");
  EXPECT_EQ(zone_of("a.b.example.com", kZones), "example.com");
  EXPECT_EQ(zone_of("a.sub.example.com", kZones), "sub.example.com");
  EXPECT_EQ(zone_of("sub.example.com", kZones), "sub.example.com");
  EXPECT_EQ(zone_of("notexample.com", kZones), "");
  EXPECT_EQ(zone_of("com", kZones), "");
}

TEST(RegistryNames, OfWildcardsAreKeptWhereTheServerTakesThem) {
  EXPECT_EQ(*stored_registry_name("a-*.example.com", kZones), "a-_wildcard_.example.com");
  EXPECT_EQ(shown_registry_name("a-_wildcard_.example.com", "example.com"), "a-*.example.com");
  EXPECT_EQ(*stored_registry_name("txt.cname-*.sub.example.com", kZones),
            "txt.cname-_wildcard_.sub.example.com");
  EXPECT_EQ(shown_registry_name("txt.cname-_wildcard_.sub.example.com", "sub.example.com"),
            "txt.cname-*.sub.example.com");
}

TEST(RegistryNames, OfAZoneItselfAreKeptWithinIt) {
  EXPECT_EQ(*stored_registry_name("a-example.com", kZones), "a-_apex_.example.com");
  EXPECT_EQ(shown_registry_name("a-_apex_.example.com", "example.com"), "a-example.com");
  EXPECT_EQ(*stored_registry_name("pre.aaaa-example.org", kZones), "pre.aaaa-_apex_.example.org");
  EXPECT_EQ(shown_registry_name("pre.aaaa-_apex_.example.org", "example.org"), "pre.aaaa-example.org");
  // Of a zone below another one, it is in that other.
  EXPECT_EQ(*stored_registry_name("a-sub.example.com", kZones), "a-sub.example.com");
}

TEST(RegistryNames, ThatAServerTakesStayAsTheyAre) {
  for (const std::string_view name :
       {"a-www.example.com", "www.example.com", "*.example.com", "example.com", "a-x.other.net"}) {
    EXPECT_EQ(*stored_registry_name(name, kZones), name);
    EXPECT_EQ(shown_registry_name(name, "example.com"), name);
  }
  EXPECT_EQ(shown_registry_name("_apex_.example.com", "example.com"), "_apex_.example.com");
}

TEST(RegistryNames, AreRefusedWhereNoServerTakesThem) {
  EXPECT_FALSE(stored_registry_name("cname-" + std::string(60, 'a') + ".example.com", kZones).has_value());
  EXPECT_FALSE(stored_registry_name("a-.example.com", kZones).has_value());
}

TEST(Heritage, IsWhatTheTextBeginsWith) {
  EXPECT_TRUE(is_heritage("heritage=external-dns,external-dns/owner=me"));
  EXPECT_FALSE(is_heritage("v=spf1 heritage=external-dns"));
  EXPECT_EQ(heritage_owner("heritage=external-dns,external-dns/owner=me,external-dns/resource=x"), "me");
  EXPECT_EQ(heritage_owner("heritage=external-dns,external-dns/owner=me"), "me");
  EXPECT_EQ(heritage_owner("heritage=external-dns"), "");
  EXPECT_EQ(heritage_owner("external-dns/owner=me"), "");
}

}  // namespace
}  // namespace claviger::doors::externaldns
