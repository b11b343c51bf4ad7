// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/record_sink.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace claviger::doors::externaldns {
namespace {

std::string answer_with(std::string_view rows) {
  return fmt::format(
      R"({{"response":{{"zone":{{"name":"Example.com","type":"Primary","notifyFailedFor":["x"]}},"records":[{}]}},)"
      R"("server":"ns1","status":"ok"}})",
      rows);
}

TEST(RecordSink, ReadsWhatTheServerSays) {
  RecordTable table;
  RecordSink sink("example.com", table);
  const std::string body = answer_with(
      R"({"disabled":true,"name":"WWW.example.com","type":"A","ttl":60,"ttlString":"1m","rData":{"ipAddress":"192.0.2.1"},
          "comments":"it's & so","dnssecStatus":"Unknown","expiryTtl":120,"lastUsedOn":"0001-01-01T00:00:00"},
         {"name":"sub.example.com","type":"NS","ttl":300,"rData":{"nameServer":"ns.sub.example.com"},
          "glueRecords":["192.0.2.2","2001:db8::2"],"expiryTtl":0},
         {"name":"h.example.com","type":"HTTPS","ttl":300,"rData":{"svcPriority":1,"svcTargetName":"",
          "svcParams":{"alpn":"h2","no-default-alpn":null},"autoIpv4Hint":true,"autoIpv6Hint":false}},
         {"name":"t.example.com","type":"TXT","ttl":300,"rData":{"text":"ab","splitText":true,"characterStrings":["a","b"]}})");
  ASSERT_TRUE(base::read_json(body, sink).has_value());
  EXPECT_EQ(sink.status(), "ok");
  EXPECT_EQ(sink.zone_name(), "Example.com");
  EXPECT_EQ(sink.zone_type(), "Primary");
  EXPECT_EQ(sink.unreadable(), 0U);
  table.sort();
  ASSERT_EQ(table.size(), 4U);
  EXPECT_EQ(table.at(0).name, "h.example.com");
  EXPECT_EQ(table.at(0).target, "1 . alpn=h2 no-default-alpn");
  EXPECT_EQ(table.at(0).options, "&autoIpv4Hint=true");
  EXPECT_EQ(table.at(1).options, "&glue=192.0.2.2%2C2001%3Adb8%3A%3A2");
  EXPECT_EQ(table.at(2).target, "ab");
  EXPECT_EQ(table.at(2).identity, "&text=a%0Ab&splitText=true") << "the server would not cut it there";
  EXPECT_EQ(table.at(3).ttl, 60U);
  EXPECT_EQ(table.at(3).options, "&comments=it%27s%20%26%20so&expiryTtl=120&disable=true");
}

TEST(RecordSink, SaysWhichKeysAreMandatoryInTheServersOwnOrder) {
  RecordTable table;
  RecordSink sink("example.com", table);
  const std::string body = answer_with(
      R"({"name":"h.example.com","type":"SVCB","ttl":60,"rData":{"svcPriority":1,"svcTargetName":"x.example",
          "svcParams":{"mandatory":"port,alpn","alpn":"h2","port":"1"}}})");
  ASSERT_TRUE(base::read_json(body, sink).has_value());
  ASSERT_EQ(table.size(), 1U);
  EXPECT_EQ(table.at(0).target, "1 x.example. mandatory=alpn,port alpn=h2 port=1");
  EXPECT_EQ(
      table.at(0).identity,
      "&svcPriority=1&svcTargetName=x.example&svcParams=mandatory%7Cport%2Calpn%7Calpn%7Ch2%7Cport%7C1");
}

TEST(RecordSink, KnowsATextThatTheServerCutsItself) {
  for (const auto& [strings, usual] :
       {std::pair{fmt::format(R"("{}","{}")", std::string(255, 'a'), "b"), true},
        std::pair{fmt::format(R"("{}","{}")", std::string(254, 'a'), "b"), false},
        std::pair{std::string(R"("a")"), true}}) {
    RecordTable table;
    RecordSink sink("example.com", table);
    const std::string row = fmt::format(
        R"({{"name":"t.example.com","type":"TXT","ttl":1,"rData":{{"characterStrings":[{}]}}}})", strings);
    ASSERT_TRUE(base::read_json(answer_with(row), sink).has_value());
    ASSERT_EQ(table.size(), 1U);
    EXPECT_EQ(table.at(0).identity.empty(), usual);
  }
}

TEST(RecordSink, TakesTheQuotesOffThatOthersLeaveOnOwners) {
  RecordTable table;
  RecordSink sink("example.com", table);
  ASSERT_TRUE(
      base::read_json(
          answer_with(
              R"({"name":"a.example.com","type":"TXT","ttl":1,"rData":{"text":"\"heritage=external-dns,x\""}},
                         {"name":"b.example.com","type":"TXT","ttl":1,"rData":{"text":"\"other\""}})"),
          sink)
          .has_value());
  ASSERT_EQ(table.size(), 2U);
  EXPECT_EQ(table.at(0).target, "heritage=external-dns,x");
  EXPECT_EQ(table.at(0).identity, "&text=%22heritage%3Dexternal-dns%2Cx%22");
  EXPECT_EQ(table.at(1).target, R"("\"other\"")");
  EXPECT_EQ(table.at(1).identity, "");
}

TEST(RecordSink, CountsWhatItCannotShow) {
  RecordTable table;
  RecordSink sink("example.com", table);
  const std::string body = answer_with(
      R"({"name":"a b.example.com","type":"A","ttl":60,"rData":{"ipAddress":"192.0.2.1"}},
         {"name":"w.example.com","type":"A","ttl":60,"rData":{"ipAddress":"no"}},
         {"name":"w.other.example","type":"A","ttl":60,"rData":{"ipAddress":"192.0.2.1"}},
         {"name":"w.example.com","type":"A","ttl":-1,"rData":{"ipAddress":"192.0.2.1"}},
         {"name":"w.example.com","type":"A","rData":{}},
         {"name":"w.example.com","type":"RRSIG","ttl":60,"rData":{"typeCovered":"A","types":["A"]}},
         {"name":"EXAMPLE.com","type":"NS","ttl":60,"rData":{"nameServer":"ns1"}},
         {"name":"v.example.com","type":"A","ttl":60,"rData":{"ipAddress":"192.0.2.1"}})");
  ASSERT_TRUE(base::read_json(body, sink).has_value());
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(sink.unreadable(), 5U);
  EXPECT_NE(sink.why_unreadable().find("a b.example.com A"), std::string::npos);
}

TEST(RecordSink, KeepsWhatItCannotShowAsSomethingThatIsThere) {
  RecordTable table;
  RecordSink sink("example.com", table);
  const std::string body = answer_with(
      R"({"name":"w.example.com","type":"CAA","ttl":77,"rData":{"flags":0,"tag":"issue","value":"\u00e4"},"comments":"c"},
         {"name":"w.example.com","type":"CAA","ttl":60,"rData":{"flags":0,"tag":"issue","value":"ca.example"}},
         {"name":"W.example.com","type":"HTTPS","ttl":60,"rData":{"svcPriority":1,"svcTargetName":"",
          "svcParams":{"alpn":"a|b"}}},
         {"name":"w.example.com","type":"DS","ttl":-1,"rData":{"keyTag":1,"algorithm":"NEW","digestType":"SHA1","digest":"00"}},
         {"name":"a b.example.com","type":"A","ttl":60,"rData":{"ipAddress":"192.0.2.1"}})");
  ASSERT_TRUE(base::read_json(body, sink).has_value());
  table.sort();
  EXPECT_EQ(sink.unreadable(), 4U);
  ASSERT_EQ(table.size(), 1U) << "nobody is shown a record without a target";
  EXPECT_FALSE(table.at(0).is_opaque);
  const auto caa = table.find("w.example.com", RecordType::kCaa);
  ASSERT_EQ(caa.size(), 2U);
  EXPECT_FALSE(caa[0].is_opaque);
  EXPECT_TRUE(caa[1].is_opaque);
  EXPECT_EQ(caa[1].target, "");
  EXPECT_EQ(caa[1].ttl, 77U);
  EXPECT_TRUE(table.find("w.example.com", RecordType::kHttps).at(0).is_opaque);
  EXPECT_TRUE(table.find("w.example.com", RecordType::kDs).at(0).is_opaque);
  EXPECT_TRUE(table.find("w.example.com", RecordType::kA).empty());
}

TEST(RecordSink, HoldsNoMoreOfARecordThanARecordCanBe) {
  std::string fields = R"("ipAddress":"192.0.2.1")";
  for (std::size_t i = 0; i < RecordSink::kMostFields; ++i) fields += fmt::format(R"(,"f{}":1)", i);
  std::string strings = R"("a")";
  for (std::size_t i = 0; i < RecordSink::kMostStrings; ++i) strings += R"(,"a")";
  std::string addresses = R"("192.0.2.1")";
  for (int i = 0; i < 8000; ++i) addresses += R"(,"192.0.2.1")";
  const std::string comment(RecordSink::kMostComment + 1, 'c');
  const std::string large(RecordSink::kMostText / 2, 'x');
  for (const std::string& rest :
       {fmt::format(R"("rData":{{{}}})", fields),
        fmt::format(R"("rData":{{"ipAddress":"192.0.2.1","characterStrings":[{}]}})", strings),
        fmt::format(R"("rData":{{"ipAddress":"192.0.2.1"}},"glueRecords":[{}])", addresses),
        fmt::format(R"("rData":{{"ipAddress":"192.0.2.1"}},"comments":"{}")", comment),
        fmt::format(R"("rData":{{"ipAddress":"192.0.2.1","x":"{0}","y":"{0}"}})", large)}) {
    RecordTable table;
    RecordSink sink("example.com", table);
    const std::string row =
        fmt::format(R"({{"name":"w.example.com","type":"A","ttl":60,{}}},)", rest) +
        R"({"name":"v.example.com","type":"A","ttl":60,"rData":{"ipAddress":"192.0.2.1"},"comments":"c"})";
    ASSERT_TRUE(base::read_json(answer_with(row), sink, {.text = std::size_t{1} << 20}).has_value());
    table.sort();
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(sink.why_unreadable(), "w.example.com A: it is too large");
    EXPECT_TRUE(table.find("w.example.com", RecordType::kA).at(0).is_opaque);
  }
}

TEST(RecordSink, GivesUpOnMoreThanATableHolds) {
  RecordTable table;
  RecordSink sink("example.com", table);
  base::JsonReader reader(sink, {.text = std::size_t{1} << 20, .total = SIZE_MAX});
  ASSERT_TRUE(reader.write(R"({"response":{"records":[0)").has_value());
  const std::string row = fmt::format(
      R"(,{{"name":"w.example.com","type":"A","ttl":60,"rData":{{"ipAddress":"192.0.2.1"}},"comments":"{}"}})",
      std::string(RecordSink::kMostComment, 'c'));
  Result<void> went = ok();
  std::size_t written = 0;
  for (; went.has_value() && written < 10'000; ++written) went = reader.write(row);
  ASSERT_FALSE(went.has_value());
  EXPECT_EQ(went.error().code(), Code::kUpstreamFailed);
  EXPECT_EQ(went.error().what(), "the server lists more than 96 MiB of records");
  EXPECT_LE(written, RecordTable::kMostBytes / RecordSink::kMostComment + 1);
}

TEST(RecordSink, ReadsAnError) {
  RecordTable table;
  RecordSink sink("example.com", table);
  ASSERT_TRUE(
      base::read_json(
          R"({"status":"error","errorMessage":"No such zone was found: example.com","stackTrace":"x"})", sink)
          .has_value());
  EXPECT_EQ(sink.status(), "error");
  EXPECT_EQ(sink.error_message(), "No such zone was found: example.com");
}

TEST(RecordSink, TakesAnyShapeOfJson) {
  for (
      const std::string_view text :
      {"[]", "1", "null", R"({"response":[]})", R"({"response":{"records":{}}})",
       R"({"response":{"records":[1,[{}],"x"]}})",
       R"({"response":{"zone":[{"name":"x"}],"records":[{"rData":[],"name":{},"glueRecords":{"a":"b"}}]}})"}) {
    RecordTable table;
    RecordSink sink("example.com", table);
    EXPECT_TRUE(base::read_json(text, sink).has_value()) << text;
    EXPECT_EQ(table.size(), 0U);
    EXPECT_TRUE(sink.status().empty());
  }
}

}  // namespace
}  // namespace claviger::doors::externaldns
