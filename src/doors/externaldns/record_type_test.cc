// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/record_type.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "doors/externaldns/record_text.h"

namespace claviger::doors::externaldns {
namespace {

// A record in all its forms. What the server has is written down from its sources.
struct Sample {
  std::string_view type;
  std::string_view written;  // as somebody may write it
  std::string_view target;   // canonical
  std::string_view form;
  std::vector<std::pair<std::string, std::string>> rdata;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> kSamples = {
      {"A", "192.0.2.1", "192.0.2.1", "&ipAddress=192.0.2.1", {{"ipAddress", "192.0.2.1"}}},
      {"AAAA",
       "2001:0DB8:0:0::0001",
       "2001:db8::1",
       "&ipAddress=2001%3Adb8%3A%3A1",
       {{"ipAddress", "2001:db8::1"}}},
      {"AAAA",
       "::FFFF:192.0.2.1",
       "::ffff:192.0.2.1",
       "&ipAddress=%3A%3Affff%3A192.0.2.1",
       {{"ipAddress", "::ffff:192.0.2.1"}}},
      {"CNAME",
       "Host.Example.COM.",
       "host.example.com",
       "&cname=host.example.com",
       {{"cname", "host.example.com"}}},
      {"CNAME",
       "m\xc3\xbcnchen.example",
       "xn--mnchen-3ya.example",
       "&cname=xn--mnchen-3ya.example",
       {{"cname", "xn--mnchen-3ya.example"}, {"cnameIdn", "x"}}},
      {"DNAME", "other.example", "other.example", "&dname=other.example", {{"dname", "other.example"}}},
      {"ANAME", "other.example.", "other.example", "&aname=other.example", {{"aname", "other.example"}}},
      {"NS",
       "ns1.example.net.",
       "ns1.example.net",
       "&nameServer=ns1.example.net",
       {{"nameServer", "ns1.example.net"}}},
      {"PTR",
       "host.example.com",
       "host.example.com",
       "&ptrName=host.example.com",
       {{"ptrName", "host.example.com"}}},
      {"MX",
       "010  Mail.example.com.",
       "10 mail.example.com",
       "&preference=10&exchange=mail.example.com",
       {{"preference", "10"}, {"exchange", "mail.example.com"}}},
      {"MX", "0 .", "0 .", "&preference=0&exchange=.", {{"preference", "0"}, {"exchange", "."}}},
      {"SRV",
       "10 5 443 host.example.com",
       "10 5 443 host.example.com.",
       "&priority=10&weight=5&port=443&target=host.example.com",
       {{"priority", "10"}, {"weight", "5"}, {"port", "443"}, {"target", "host.example.com"}}},
      {"SRV",
       "0 0 0 .",
       "0 0 0 .",
       "&priority=0&weight=0&port=0&target=.",
       {{"priority", "0"}, {"weight", "0"}, {"port", "0"}, {"target", "."}}},
      {"NAPTR",
       R"(100 10 S SIP+D2U "" _sip._udp.example.com.)",
       R"(100 10 "S" "SIP+D2U" "" _sip._udp.example.com.)",
       "&naptrOrder=100&naptrPreference=10&naptrFlags=S&naptrServices=SIP%2BD2U&naptrReplacement=_sip._udp."
       "example.com",
       {{"order", "100"},
        {"preference", "10"},
        {"flags", "S"},
        {"services", "SIP+D2U"},
        {"regexp", ""},
        {"replacement", "_sip._udp.example.com"}}},
      {"NAPTR",
       R"(100 10 "U" "E2U+sip" "!^(.*)$!sip:\\1@example.com!" .)",
       R"(100 10 "U" "E2U+sip" "!^(.*)$!sip:\\1@example.com!" .)",
       "&naptrOrder=100&naptrPreference=10&naptrFlags=U&naptrServices=E2U%2Bsip&naptrRegexp=%21%5E%28.%2A%29%"
       "24%21sip%3A%5C1%40example.com%21&naptrReplacement=.",
       {{"order", "100"},
        {"preference", "10"},
        {"flags", "U"},
        {"services", "E2U+sip"},
        {"regexp", "!^(.*)$!sip:\\1@example.com!"},
        {"replacement", "."}}},
      {"CAA",
       "0 Issue letsencrypt.org",
       R"(0 issue "letsencrypt.org")",
       "&flags=0&tag=issue&value=letsencrypt.org",
       {{"flags", "0"}, {"tag", "issue"}, {"value", "letsencrypt.org"}}},
      {"CAA",
       R"(128 iodef "mailto:a@example.com; \"q\"")",
       R"(128 iodef "mailto:a@example.com; \"q\"")",
       "&flags=128&tag=iodef&value=mailto%3Aa%40example.com%3B%20%22q%22",
       {{"flags", "128"}, {"tag", "iodef"}, {"value", "mailto:a@example.com; \"q\""}}},
      {"DS",
       "46125 13 2 0a1b",
       "46125 13 2 0A1B",
       "&keyTag=46125&algorithm=ECDSAP256SHA256&digestType=SHA256&digest=0A1B",
       {{"keyTag", "46125"},
        {"algorithm", "ECDSAP256SHA256"},
        {"algorithmNumber", "13"},
        {"digestType", "SHA256"},
        {"digestTypeNumber", "2"},
        {"digest", "0A1B"}}},
      {"DS",
       "1 7 3 FF",
       "1 7 3 FF",
       "&keyTag=1&algorithm=RSASHA1-NSEC3-SHA1&digestType=GOST-R-34-11-94&digest=FF",
       {{"keyTag", "1"},
        {"algorithm", "RSASHA1_NSEC3_SHA1"},
        {"digestType", "GOST_R_34_11_94"},
        {"digest", "FF"}}},
      {"SSHFP",
       "4 2 abcd",
       "4 2 ABCD",
       "&sshfpAlgorithm=Ed25519&sshfpFingerprintType=SHA256&sshfpFingerprint=ABCD",
       {{"algorithm", "Ed25519"}, {"fingerprintType", "SHA256"}, {"fingerprint", "ABCD"}}},
      {"TLSA",
       "3 1 1 00ff",
       "3 1 1 00FF",
       "&tlsaCertificateUsage=DANE-EE&tlsaSelector=SPKI&tlsaMatchingType=SHA2-256&"
       "tlsaCertificateAssociationData=00FF",
       {{"certificateUsage", "DANE-EE"},
        {"selector", "SPKI"},
        {"matchingType", "SHA2-256"},
        {"certificateAssociationData", "00FF"}}},
      {"HTTPS",
       "1 . PORT=0443 alpn=\"h2,h3\" ipv6hint=2001:DB8::0:1",
       "1 . alpn=h2,h3 port=443 ipv6hint=2001:db8::1",
       "&svcPriority=1&svcTargetName=.&svcParams=alpn%7Ch2%2Ch3%7Cport%7C443%7Cipv6hint%7C2001%3Adb8%3A%3A1",
       {{"svcPriority", "1"},
        {"svcTargetName", ""},
        {"svcParams.ipv6hint", "2001:db8::1"},
        {"svcParams.alpn", "h2,h3"},
        {"svcParams.port", "443"},
        {"autoIpv4Hint", "false"}}},
      {"HTTPS",
       "1 ",
       "1 .",
       "&svcPriority=1&svcTargetName=.&svcParams=false",
       {{"svcPriority", "1"}, {"svcTargetName", "."}}},
      {"SVCB",
       "0 alias.example.com",
       "0 alias.example.com.",
       "&svcPriority=0&svcTargetName=alias.example.com&svcParams=false",
       {{"svcPriority", "0"}, {"svcTargetName", "alias.example.com"}}},
      {"SVCB",
       "2 d.example. mandatory=port,alpn alpn=dot no-default-alpn dohpath=/q{?dns} ech=AAEC key667=hi",
       "2 d.example. mandatory=alpn,port alpn=dot no-default-alpn ech=AAEC dohpath=/q{?dns} key667=hi",
       "&svcPriority=2&svcTargetName=d.example&svcParams=mandatory%7Calpn%2Cport%7Calpn%7Cdot%7Cno-default-"
       "alpn%7C%7Cech%7C00%3A01%3A02%7Cdohpath%7C%2Fq%7B%3Fdns%7D%7C667%7C68%3A69",
       {{"svcPriority", "2"},
        {"svcTargetName", "d.example"},
        {"svcParams.mandatory", "alpn,port"},
        {"svcParams.alpn", "dot"},
        {"svcParams.no-default-alpn", ""},
        {"svcParams.ech", "00:01:02"},
        {"svcParams.dohpath", "/q{?dns}"},
        {"svcParams.667", "68:69"}}},
      {"URI",
       "10 1 HTTPS://Example.com:443",
       R"(10 1 "https://example.com/")",
       "&uriPriority=10&uriWeight=1&uri=https%3A%2F%2Fexample.com%2F",
       {{"priority", "10"}, {"weight", "1"}, {"uri", "https://example.com/"}}},
      {"URI",
       R"(10 1 "ftp://u@Host:2121/A?b#c")",
       R"(10 1 "ftp://u@host:2121/A?b#c")",
       "&uriPriority=10&uriWeight=1&uri=ftp%3A%2F%2Fu%40host%3A2121%2FA%3Fb%23c",
       {{"priority", "10"}, {"weight", "1"}, {"uri", "ftp://u@host:2121/A?b#c"}}},
      {"TXT",
       R"("heritage=external-dns,external-dns/owner=me")",
       "heritage=external-dns,external-dns/owner=me",
       "&text=heritage%3Dexternal-dns%2Cexternal-dns%2Fowner%3Dme",
       {{"text", "heritage=external-dns,external-dns/owner=me"}}},
      {"TXT",
       "v=spf1 -all",
       "v=spf1 -all",
       "&text=v%3Dspf1%20-all",
       {{"text", "v=spf1 -all"}, {"splitText", "false"}}},
      {"TXT", R"("one " "two\"\\")", R"(one two"\)", "&text=one%20two%22%5C", {{"text", R"(one two"\)"}}},
      {"TXT", R"("\"quoted\"")", R"("\"quoted\"")", "&text=%22quoted%22", {{"text", "\"quoted\""}}},
      {"TXT", R"("open)", R"("open)", "&text=%22open", {{"text", "\"open"}}},
  };
  return kSamples;
}

TEST(RecordTypes, AllHaveASample) {
  std::map<std::string_view, int> seen;
  for (const Sample& sample : samples()) ++seen[sample.type];
  EXPECT_EQ(seen.size(), kRecordTypes);
  for (std::size_t i = 0; i < kRecordTypes; ++i) {
    const auto name = type_name(static_cast<RecordType>(i));
    EXPECT_EQ(find_record_type(name), static_cast<RecordType>(i));
    EXPECT_GT(seen[name], 0) << name;
  }
  EXPECT_FALSE(find_record_type("SOA").has_value());
  EXPECT_FALSE(find_record_type("").has_value());
}

TEST(RecordTypes, HaveOneCanonicalTargetForWhatIsTheSame) {
  for (const Sample& sample : samples()) {
    const auto type = *find_record_type(sample.type);
    const auto target = canonical_target(type, sample.written);
    ASSERT_TRUE(target.has_value()) << sample.type << " " << sample.written << ": " << target.error().what();
    EXPECT_EQ(*target, sample.target) << sample.type;
    EXPECT_EQ(*canonical_target(type, *target), sample.target) << "it stays as it is";
  }
}

TEST(RecordTypes, GoToTheServerInItsOwnFields) {
  for (const Sample& sample : samples()) {
    std::string form;
    ASSERT_TRUE(append_record_form(form, *find_record_type(sample.type), sample.target).has_value())
        << sample.target;
    EXPECT_EQ(form, sample.form) << sample.type;
  }
}

TEST(RecordTypes, ComeBackFromTheServerAsTheyWereSent) {
  for (const Sample& sample : samples()) {
    const RData rdata{.fields = sample.rdata, .strings = {}};
    const auto target = target_of(*find_record_type(sample.type), rdata);
    ASSERT_TRUE(target.has_value()) << sample.target << ": " << target.error().what();
    EXPECT_EQ(*target, sample.target) << sample.type;
  }
}

TEST(RecordTypes, NeedTheServersFields) {
  for (const Sample& sample : samples()) {
    if (sample.type == "SVCB" || sample.type == "HTTPS") continue;
    EXPECT_FALSE(target_of(*find_record_type(sample.type), {}).has_value()) << sample.type;
  }
}

TEST(TxtRecords, AreTheirStringsJoined) {
  const RData rdata{.fields = {{"text", "not this"}}, .strings = {std::string(255, 'a'), "b"}};
  EXPECT_EQ(*target_of(RecordType::kTxt, rdata), std::string(255, 'a') + "b");
  EXPECT_EQ(*target_of(RecordType::kTxt, {.fields = {{"text", ""}}, .strings = {}}), "\"\"");
}

TEST(RecordTypes, RefuseWhatTheServerCannotKeep) {
  const std::vector<std::pair<std::string_view, std::string>> wrong = {
      {"A", "192.0.2"},
      {"A", "192.0.2.01"},
      {"A", "::1"},
      {"A", ""},
      {"A", "192.0.2.1 192.0.2.2"},
      {"A", std::string("192.0.2.1\0x", 11)},
      {"AAAA", "192.0.2.1"},
      {"AAAA", "fe80::1%eth0"},
      {"CNAME", "."},
      {"CNAME", ""},
      {"CNAME", "a b"},
      {"CNAME", "a..b"},
      {"MX", "mail.example.com"},
      {"MX", "-1 mail"},
      {"MX", "65536 mail"},
      {"MX", "10 a b"},
      {"MX", "x mail"},
      {"SRV", "1 2 70000 a"},
      {"SRV", "1 2"},
      {"SRV", "1 2 3 4 5"},
      {"NAPTR", "1 2 3"},
      {"NAPTR", "1 2 \"S \"x\" y z"},
      {"CAA", "0 issue"},
      {"CAA", "256 issue x"},
      {"CAA", "0 is-sue x"},
      {"CAA", "0 issue \"\xc3\xbc\""},
      {"DS", "1 99 2 FF"},
      {"DS", "1 13 2 F"},
      {"DS", "1 13 2 XY"},
      {"DS", "1 13 2"},
      {"SSHFP", "5 2 FF"},
      {"TLSA", "3 1 9 FF"},
      {"TLSA", "3 1 1 "},
      {"HTTPS", "1 . port=99999"},
      {"HTTPS", "1 . port=1 port=2"},
      {"HTTPS", "1 . nonsense=1"},
      {"HTTPS", "1 . key3=1"},
      {"HTTPS", "1 . alpn="},
      {"HTTPS", "1 . alpn=a|b"},
      {"HTTPS", "1 . ipv4hint=1.2.3.4,"},
      {"HTTPS", "1 . ech=!"},
      {"HTTPS", "1 . mandatory=alpn,alpn"},
      {"HTTPS", "1 . no-default-alpn=1"},
      {"HTTPS", "x ."},
      {"URI", "1 1 nothing"},
      {"URI", "1 1 \"a b:c\""},
      {"URI", "1 1 :x"},
      {"TXT", ""},
      {"TXT", "\"\""},
      {"TXT", "\xc3\xbc"},
      {"TXT", "a\nb"},
  };
  for (const auto& [type, target] : wrong) {
    const auto canonical = canonical_target(*find_record_type(type), target);
    ASSERT_FALSE(canonical.has_value()) << type << " " << target;
    EXPECT_EQ(canonical.error().code(), Code::kBadRequest);
    EXPECT_FALSE(canonical.error().what().empty());
  }
}

TEST(RecordTypes, OfWhichThereIsOneAreCnameAndDname) {
  EXPECT_TRUE(has_one_value(RecordType::kCname));
  EXPECT_TRUE(has_one_value(RecordType::kDname));
  EXPECT_FALSE(has_one_value(RecordType::kA));
}

TEST(Tokens, KeepWhatEscapesStandFor) {
  const auto tokens = parse_tokens(R"( a\032b  "c \" \\" \1 \300x \)");
  ASSERT_TRUE(tokens.has_value());
  ASSERT_EQ(tokens->size(), 5U);
  EXPECT_EQ((*tokens)[0].text, "a b");
  EXPECT_EQ((*tokens)[1].text, "c \" \\");
  EXPECT_TRUE((*tokens)[1].is_quoted);
  EXPECT_EQ((*tokens)[2].text, "\\1");
  EXPECT_EQ((*tokens)[3].text, "\\300x");
  EXPECT_EQ((*tokens)[4].text, "\\");
}

TEST(Base64, IsReadStrictly) {
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}) {
    std::string written;
    append_base64(written, bytes);
    EXPECT_EQ(written, text);
    EXPECT_EQ(*parse_base64(text), bytes);
  }
  for (const std::string_view wrong : {"Z", "Zg=", "Zg=a", "Z===", "Zh==", "Zm9v!AAA"})
    EXPECT_FALSE(parse_base64(wrong).has_value()) << wrong;
}

TEST(HexBytes, AreReadWithColonsBetweenThemOrWithout) {
  EXPECT_EQ(*parse_hex_bytes("00aBff"), std::string("\0\xab\xff", 3));
  EXPECT_EQ(*parse_hex_bytes("00:aB:ff"), std::string("\0\xab\xff", 3));
  EXPECT_EQ(*parse_hex_bytes("00aB:ff"), std::string("\0\xab\xff", 3));
  for (const std::string_view wrong : {"", ":", "0", "000", "0:00", ":00", "00:", "00::00", "0g", "00 00"})
    EXPECT_FALSE(parse_hex_bytes(wrong).has_value()) << wrong;
  std::string written;
  append_hex_bytes(written, std::string("\0\xab\xff", 3), true);
  append_hex_bytes(written, "\x1", false);
  append_hex_bytes(written, "", true);
  EXPECT_EQ(written, "00:AB:FF01");
}

}  // namespace
}  // namespace claviger::doors::externaldns
