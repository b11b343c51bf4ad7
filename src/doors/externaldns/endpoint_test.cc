// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/endpoint.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace claviger::doors::externaldns {
namespace {

TEST(Endpoints, AreReadAsExternalDnsWritesThem) {
  const auto read = parse_endpoints(
      R"([{"dnsName":"a.example.com","targets":["192.0.2.1","192.0.2.2"],"recordType":"A","setIdentifier":"blue",
           "recordTTL":300,"labels":{"owner":"me","resource":"ingress/a/b"},
           "providerSpecific":[{"name":"alias","value":"true"},{"name":"x"}]},
          {"dnsName":"b.example.com"}])");
  ASSERT_TRUE(read.has_value()) << read.error().what();
  ASSERT_EQ(read->size(), 2U);
  const Endpoint& first = read->front();
  EXPECT_EQ(first.dns_name, "a.example.com");
  EXPECT_EQ(first.targets, (std::vector<std::string>{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(first.record_type, "A");
  EXPECT_EQ(first.set_identifier, "blue");
  EXPECT_EQ(first.ttl, 300);
  EXPECT_EQ(first.labels.at("owner"), "me");
  EXPECT_EQ(first.provider_specific, (std::vector<ProviderSpecific>{{"alias", "true"}, {"x", ""}}));
  EXPECT_EQ((*read)[1], (Endpoint{.dns_name = "b.example.com"}));
}

TEST(Endpoints, AreWrittenWithoutWhatIsEmpty) {
  const std::vector<Endpoint> endpoints = {
      {.dns_name = "a", .targets = {"1", "\"q\""}, .record_type = "TXT", .ttl = 60},
      {.dns_name = "b", .labels = {{"l\"", "v"}}, .provider_specific = {{"n", "v"}, {"m", ""}}},
      {}};
  std::string text;
  write_endpoints(text, endpoints);
  EXPECT_EQ(
      text,
      R"([{"dnsName":"a","targets":["1","\"q\""],"recordType":"TXT","recordTTL":60},)"
      R"({"dnsName":"b","labels":{"l\"":"v"},"providerSpecific":[{"name":"n","value":"v"},{"name":"m"}]},{}])");
  EXPECT_EQ(*parse_endpoints(text), endpoints);
}

TEST(Endpoints, OfNothingAreAnEmptyList) {
  EXPECT_TRUE(parse_endpoints("[]")->empty());
  EXPECT_TRUE(parse_endpoints("null")->empty());
  EXPECT_TRUE(parse_endpoints("[null]")->empty());
  std::string text;
  write_endpoints(text, {});
  EXPECT_EQ(text, "[]");
}

TEST(Endpoints, MayHaveFieldsThatNobodyKnows) {
  const auto read = parse_endpoints(
      R"([{"new":{"deep":[{"dnsName":"no"},1,true,null]},"newer":[[]],"newest":1.5,"name":"no","value":{"a":1},
           "dnsName":"a","targets":null,"labels":null,"providerSpecific":[{"name":"n","other":[1],"value":"v"}]}])");
  ASSERT_TRUE(read.has_value()) << read.error().what();
  EXPECT_EQ(*read, (std::vector<Endpoint>{{.dns_name = "a", .provider_specific = {{"n", "v"}}}}));
}

TEST(Endpoints, AreRefusedWhereAFieldIsOfAnotherType) {
  for (const std::string_view text : {R"({})",
                                      R"([[]])",
                                      R"([1])",
                                      R"(["a"])",
                                      R"([true])",
                                      R"("a")",
                                      R"([{"dnsName":1}])",
                                      R"([{"dnsName":[]}])",
                                      R"([{"dnsName":{}}])",
                                      R"([{"targets":"a"}])",
                                      R"([{"targets":{}}])",
                                      R"([{"targets":[1]}])",
                                      R"([{"targets":[{}]}])",
                                      R"([{"targets":[[]]}])",
                                      R"([{"recordTTL":"1"}])",
                                      R"([{"recordTTL":1.5}])",
                                      R"([{"recordTTL":1e3}])",
                                      R"([{"recordTTL":99999999999999999999}])",
                                      R"([{"labels":[]}])",
                                      R"([{"labels":{"a":1}}])",
                                      R"([{"labels":{"a":{}}}])",
                                      R"([{"providerSpecific":{}}])",
                                      R"([{"providerSpecific":[1]}])",
                                      R"([{"providerSpecific":[{"name":1}]}])",
                                      R"([{"dnsName":true}])"}) {
    const auto read = parse_endpoints(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code(), Code::kBadRequest) << text;
    EXPECT_EQ(read.error().blame(), Blame::kCaller);
  }
}

TEST(Endpoints, AreRefusedWhereTheTextIsCutShort) {
  const std::string text = R"([{"dnsName":"a","targets":["x"],"labels":{"a":"b"},"recordTTL":12}])";
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(parse_endpoints(text.substr(0, size)).has_value()) << size;
}

TEST(Endpoints, HaveTheirLimits) {
  std::string deep(100, '[');
  EXPECT_FALSE(parse_endpoints(R"([{"new":)" + deep).has_value());
  std::string many = "[{}";
  for (std::size_t i = 0; i < kMostEndpoints; ++i) many += ",{}";
  const auto read = read_endpoints(many + "]", [](const Endpoint&) { return ok(); });
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Code::kTooLarge);
}

// `count` times, with commas between.
std::string list_of(std::string_view item, std::size_t count) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) list.append(i == 0 ? "" : ",").append(item);
  return list;
}

TEST(Endpoints, WithTooMuchInThemSpoilNoOther) {
  std::string labels;
  for (std::size_t i = 0; i < 1000; ++i) labels += fmt::format(R"("label{}":"",)", i);
  const auto read = parse_endpoints(fmt::format(
      R"([{{"dnsName":"a","targets":[{}],"labels":{{{}"label7":"again"}},"providerSpecific":[{}]}},{{"dnsName":"b"}}])",
      list_of(R"("x")", kMostHeldTargets + 1), labels, list_of("{}", 1000)));
  ASSERT_TRUE(read.has_value()) << read.error().what();
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->front().targets.size(), kMostHeldTargets);
  EXPECT_EQ(read->front().labels.size(), kMostLabels);
  EXPECT_EQ(read->front().labels.at("label7"), "again");
  EXPECT_EQ(read->front().provider_specific.size(), kMostLabels);
  EXPECT_EQ(read->back(), (Endpoint{.dns_name = "b"}));
}

TEST(Endpoints, AreHandedOverUntilSomebodyHasEnough) {
  int seen = 0;
  const auto read =
      read_endpoints(R"([{"dnsName":"a"},{"dnsName":"b"},{"dnsName":"c"}])", [&](Endpoint endpoint) {
        ++seen;
        if (endpoint.dns_name == "b") return Result<void>(Error(Code::kLimited, Blame::kCaller, "enough"));
        return ok();
      });
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Code::kLimited);
  EXPECT_EQ(seen, 2);
}

TEST(Changes, AreReadListByList) {
  const auto read = parse_changes(
      R"({"create":[{"dnsName":"c"}],"updateOld":[{"dnsName":"o"}],"updateNew":[{"dnsName":"n"}],
          "delete":[{"dnsName":"d"},{"dnsName":"e"}],"later":[{"dnsName":"x"}]})");
  ASSERT_TRUE(read.has_value()) << read.error().what();
  EXPECT_EQ(read->create, (std::vector<Endpoint>{{.dns_name = "c"}}));
  EXPECT_EQ(read->update_old, (std::vector<Endpoint>{{.dns_name = "o"}}));
  EXPECT_EQ(read->update_new, (std::vector<Endpoint>{{.dns_name = "n"}}));
  EXPECT_EQ(read->remove.size(), 2U);
  EXPECT_FALSE(read->is_empty());
}

TEST(Changes, HoldNothingThatTheyDoNotGoBy) {
  const auto read = parse_changes(
      R"({"create":[{"dnsName":"a","labels":{"owner":"me","ownedRecord":"b"},"providerSpecific":[{"name":"n","value":"v"}]}]})");
  ASSERT_TRUE(read.has_value()) << read.error().what();
  EXPECT_EQ(read->create, (std::vector<Endpoint>{{.dns_name = "a", .labels = {{"ownedRecord", "b"}}}}));
  EXPECT_FALSE(parse_changes(R"({"create":[{"providerSpecific":[1]}]})").has_value());
}

TEST(Changes, OfTooManyTargetsSpoilNoOther) {
  const auto read =
      parse_changes(fmt::format(R"({{"create":[{{"dnsName":"a","targets":[{}]}},{{"dnsName":"b"}}]}})",
                                list_of(R"("x")", 100 * kMostTargets)));
  ASSERT_TRUE(read.has_value()) << read.error().what();
  ASSERT_EQ(read->create.size(), 2U);
  EXPECT_EQ(read->create[0].targets.size(), kMostTargets + 1) << "so that it shows";
}

TEST(Changes, HoldSoManyTargetsAltogether) {
  const std::string full = fmt::format(R"({{"targets":[{}]}})", list_of(R"("x")", kMostTargets));
  const std::size_t fit = kMostChangedTargets / kMostTargets;
  EXPECT_TRUE(parse_changes(fmt::format(R"({{"create":[{}]}})", list_of(full, fit))).has_value());
  const auto read =
      parse_changes(fmt::format(R"({{"create":[{}],"delete":[{{"targets":["x"]}}]}})", list_of(full, fit)));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Code::kTooLarge);
}

TEST(Changes, MayLackAnyList) {
  EXPECT_TRUE(parse_changes("{}")->is_empty());
  EXPECT_TRUE(parse_changes(R"({"create":null,"delete":[]})")->is_empty());
  for (const std::string_view text :
       {"[]", R"({"create":{}})", R"({"create":1})", R"({"delete":"x"})", "1", ""})
    EXPECT_FALSE(parse_changes(text).has_value()) << text;
}

TEST(DomainFilters, AreWrittenInTheFormThatTheClientDecodes) {
  std::string text;
  write_domain_filter(text, {.include = {"example.com", ".example.org"}, .exclude = {"no.example.com"}});
  EXPECT_EQ(text, R"({"include":["example.com",".example.org"],"exclude":["no.example.com"]})");
  text.clear();
  write_domain_filter(text, {.regex_include = "a\\.b$", .regex_exclude = "^c"});
  EXPECT_EQ(text, R"({"regexInclude":"a\\.b$","regexExclude":"^c"})");
}

}  // namespace
}  // namespace claviger::doors::externaldns
