// SPDX-License-Identifier: Apache-2.0
#include "identity/presented.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "crypto/encode.h"

namespace claviger::identity {
namespace {

struct Presented {
  bool found = false;
  std::string text;  // the key, or the error's text
  Code code = Code::kInternal;
};

using List = std::vector<std::pair<std::string_view, std::string_view>>;

Presented present(const List& list) {
  http::Fields fields;
  for (const auto& [name, value] : list)
    fields.add({.name = name, .value = value, .known = http::classify(name)});
  BasicScratch scratch{};
  const auto result = find_presented_key(fields, scratch);
  if (result.has_value()) return {.found = true, .text = std::string(result->text)};
  return {.found = false, .text = std::string(result.error().what()), .code = result.error().code()};
}

std::string basic(std::string_view pair) {
  std::string encoded(crypto::base64_size(pair.size()), '\0');
  crypto::base64_encode(std::as_bytes(std::span(pair)), encoded);
  return "Basic " + encoded;
}

TEST(PresentedKey, IsFoundInEachOfItsPlaces) {
  EXPECT_EQ(present({{"Authorization", "Bearer fake-key"}}).text, "fake-key");
  EXPECT_EQ(present({{"X-API-Key", "fake-key"}}).text, "fake-key");
  EXPECT_EQ(present({{"x-api-key", "fake-key"}}).text, "fake-key");
  EXPECT_EQ(present({{"x-goog-api-key", "fake-key"}}).text, "fake-key");
  EXPECT_EQ(present({{"authorization", basic("git:fake-key")}}).text, "fake-key");
}

TEST(PresentedKey, IsTheAccessKeyIdOfWhatAnAwsSdkHasSigned) {
  const std::string behind = "/20150830/us-east-1/s3/aws4_request";
  const auto aws = [](const std::string& rest) {
    return present({{"Authorization", "AWS4-HMAC-SHA256 " + rest}});
  };
  EXPECT_EQ(aws("Credential=fake-key" + behind + ", SignedHeaders=host, Signature=00").text, "fake-key");
  EXPECT_EQ(aws("SignedHeaders=host,Signature=00,Credential=fake-key" + behind).text, "fake-key");
  for (const std::string& wrong :
       {std::string(), std::string("Credential="), std::string("Credential=fake-key"), "Credential=" + behind,
        std::string("SignedHeaders=host, Signature=00"), "XCredential=fake-key" + behind,
        "Credential=fake-key" + behind + ", Credential=fake-key" + behind}) {
    EXPECT_FALSE(aws(wrong).found) << wrong;
    EXPECT_EQ(aws(wrong).code, Code::kBadRequest) << wrong;
  }
  EXPECT_EQ(
      present({{"Authorization", "AWS4-HMAC-SHA256 Credential=fake-key" + behind}, {"X-API-Key", "other"}})
          .code,
      Code::kBadRequest);
}

TEST(PresentedKey, SchemeIsCaseInsensitive) {
  EXPECT_EQ(present({{"Authorization", "bEARER  fake-key"}}).text, "fake-key");
  const std::string value = "BASIC" + basic("u:fake-key").substr(5);
  EXPECT_EQ(present({{"Authorization", value}}).text, "fake-key");
}

TEST(PresentedKey, IsAllOfThePasswordBehindTheFirstColon) {
  EXPECT_EQ(present({{"Authorization", basic(":fake-key")}}).text, "fake-key");
  EXPECT_EQ(present({{"Authorization", basic("a:b:c")}}).text, "b:c");
  const auto empty = present({{"Authorization", basic("fake-key:")}});
  EXPECT_TRUE(empty.found);
  EXPECT_EQ(empty.text, "");
}

TEST(PresentedKey, IsMissingWithoutAnyField) {
  const auto none = present({{"Accept", "*/*"}});
  EXPECT_FALSE(none.found);
  EXPECT_EQ(none.code, Code::kUnauthenticated);
}

TEST(PresentedKey, MayStandInTwoPlacesWhenItIsTheSame) {
  EXPECT_EQ(present({{"Authorization", "Bearer fake-key"}, {"X-API-Key", "fake-key"}}).text, "fake-key");
  EXPECT_EQ(present({{"Authorization", basic("u:fake-key")}, {"x-goog-api-key", "fake-key"}}).text,
            "fake-key");
}

TEST(PresentedKey, RefusesTwoDifferentOnes) {
  const std::string by_password = basic("u:other");
  for (const List& list : {List{{"Authorization", "Bearer fake-key"}, {"X-API-Key", "other"}},
                           List{{"X-API-Key", "fake-key"}, {"x-goog-api-key", "other"}},
                           List{{"X-API-Key", "fake-key"}, {"Authorization", by_password}},
                           List{{"X-API-Key", "fake-key"}, {"Authorization", "Digest username=x"}},
                           List{{"X-API-Key", "fake-key"}, {"x-goog-api-key", ""}}}) {
    const auto result = present(list);
    EXPECT_FALSE(result.found);
    EXPECT_EQ(result.code, Code::kBadRequest) << result.text;
  }
}

TEST(PresentedKey, RefusesADifferentThirdOne) {
  EXPECT_EQ(present({{"X-API-Key", "a"}, {"x-goog-api-key", "b"}, {"Authorization", "Bearer b"}}).code,
            Code::kBadRequest);
}

TEST(PresentedKey, RefusesAFieldThatStandsTwiceEvenWhenEqual) {
  EXPECT_EQ(present({{"X-API-Key", "fake-key"}, {"x-api-key", "fake-key"}}).code, Code::kBadRequest);
  EXPECT_EQ(present({{"Authorization", "Bearer a"}, {"Authorization", "Bearer a"}}).code, Code::kBadRequest);
  EXPECT_EQ(present({{"x-goog-api-key", "a"}, {"X-Goog-Api-Key", "a"}}).code, Code::kBadRequest);
}

TEST(PresentedKey, RefusesAMalformedAuthorization) {
  const std::string no_colon = basic("fake-key");
  for (const std::string_view value :
       {std::string_view(""), std::string_view("Bearer"), std::string_view("Bearer "),
        std::string_view("Bearer a b"), std::string_view("Bearer a,b"), std::string_view("Bearer ==="),
        std::string_view("Basic"), std::string_view("Basic not-base64!"), std::string_view("Basic dTpw Og=="),
        std::string_view("Basic dTpwOg"), std::string_view("Be@rer x"), std::string_view(no_colon)}) {
    const auto result = present({{"Authorization", value}});
    EXPECT_FALSE(result.found) << value;
    EXPECT_EQ(result.code, Code::kBadRequest) << value;
  }
}

TEST(PresentedKey, RefusesABasicFieldLargerThanItsScratch) {
  EXPECT_TRUE(present({{"Authorization", basic(":" + std::string(500, 'x'))}}).found);
  const auto result = present({{"Authorization", basic(":" + std::string(600, 'x'))}});
  EXPECT_FALSE(result.found);
  EXPECT_EQ(result.code, Code::kBadRequest);
}

TEST(PresentedKey, SaysWhichSchemesThereAre) {
  const auto result = present({{"Authorization", "Digest username=fake-value, response=fake"}});
  EXPECT_EQ(result.code, Code::kUnauthenticated);
  EXPECT_NE(result.text.find("Bearer, Basic or X-API-Key"), std::string::npos);
  EXPECT_EQ(result.text.find("fake"), std::string::npos);
}

TEST(PresentedKey, IsPresentedByAFieldThatCannotBeReadToo) {
  const auto presents = [](std::string_view name, std::string_view value) {
    http::Fields fields;
    fields.add({.name = name, .value = value, .known = http::classify(name)});
    return presents_anything(fields);
  };
  for (const char* name : {"Authorization", "X-API-Key", "x-goog-api-key"}) {
    EXPECT_TRUE(presents(name, "")) << name;
    EXPECT_TRUE(presents(name, "Digest fake")) << name;
  }
  EXPECT_FALSE(presents("X-Other", "fake"));
  EXPECT_FALSE(presents_anything({}));
}

}  // namespace
}  // namespace claviger::identity
