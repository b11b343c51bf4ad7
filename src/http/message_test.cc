// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "http/list.h"
#include "http/octets.h"

namespace claviger::http {
namespace {

constexpr std::pair<std::string_view, FieldName> kNames[] = {
    {"Accept-Encoding", FieldName::kAcceptEncoding},
    {"Authorization", FieldName::kAuthorization},
    {"Connection", FieldName::kConnection},
    {"Content-Encoding", FieldName::kContentEncoding},
    {"Content-Length", FieldName::kContentLength},
    {"Content-Type", FieldName::kContentType},
    {"Cookie", FieldName::kCookie},
    {"Date", FieldName::kDate},
    {"Expect", FieldName::kExpect},
    {"Forwarded", FieldName::kForwarded},
    {"Host", FieldName::kHost},
    {"HTTP2-Settings", FieldName::kHttp2Settings},
    {"Keep-Alive", FieldName::kKeepAlive},
    {"Proxy-Authenticate", FieldName::kProxyAuthenticate},
    {"Proxy-Authorization", FieldName::kProxyAuthorization},
    {"Proxy-Connection", FieldName::kProxyConnection},
    {"Range", FieldName::kRange},
    {"Server", FieldName::kServer},
    {"Set-Cookie", FieldName::kSetCookie},
    {"TE", FieldName::kTe},
    {"Traceparent", FieldName::kTraceparent},
    {"Tracestate", FieldName::kTracestate},
    {"Trailer", FieldName::kTrailer},
    {"Transfer-Encoding", FieldName::kTransferEncoding},
    {"Upgrade", FieldName::kUpgrade},
    {"Via", FieldName::kVia},
    {"X-API-Key", FieldName::kXApiKey},
    {"X-Claviger-Error", FieldName::kXClavigerError},
    {"X-Forwarded-For", FieldName::kXForwardedFor},
    {"X-Forwarded-Host", FieldName::kXForwardedHost},
    {"X-Forwarded-Proto", FieldName::kXForwardedProto},
    {"X-Forwarded-Port", FieldName::kXForwardedPort},
    {"X-Goog-Api-Key", FieldName::kXGoogApiKey},
    {"X-Real-IP", FieldName::kXRealIp},
    {"X-Request-Id", FieldName::kXRequestId},
};

std::string with_case(std::string_view text, bool upper) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(upper ? std::toupper(c) : std::tolower(c));
  return result;
}

TEST(FieldNames, AreKnownInAnyCase) {
  for (const auto& [text, name] : kNames) {
    EXPECT_EQ(classify(text), name) << text;
    EXPECT_EQ(classify(with_case(text, true)), name) << text;
    EXPECT_EQ(classify(with_case(text, false)), name) << text;
  }
}

TEST(FieldNames, AreNotKnownWhenAnyByteDiffers) {
  for (const auto& [text, name] : kNames) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (int octet = 0; octet < 256; ++octet) {
        std::string other(text);
        other[at] = static_cast<char>(octet);
        const bool same = std::tolower(octet) == std::tolower(text[at]) && octet < 0x80;
        ASSERT_EQ(classify(other) == name, same) << text << " with " << octet << " at " << at;
      }
    }
    EXPECT_NE(classify(std::string(text) + "x"), name);
    EXPECT_NE(classify(text.substr(1)), name);
  }
  EXPECT_EQ(classify(""), FieldName::kOther);
  EXPECT_EQ(classify("a"), FieldName::kOther);
  EXPECT_EQ(classify(std::string(1000, 'a')), FieldName::kOther);
  EXPECT_EQ(classify("X_API_Key"), FieldName::kOther) << "folding '_' is for gateway/strip";
}

TEST(Methods, AreCaseSensitive) {
  EXPECT_EQ(method_of("GET"), Method::kGet);
  EXPECT_EQ(method_of("HEAD"), Method::kHead);
  EXPECT_EQ(method_of("POST"), Method::kPost);
  EXPECT_EQ(method_of("PUT"), Method::kPut);
  EXPECT_EQ(method_of("DELETE"), Method::kDelete);
  EXPECT_EQ(method_of("PATCH"), Method::kPatch);
  EXPECT_EQ(method_of("OPTIONS"), Method::kOptions);
  EXPECT_EQ(method_of("TRACE"), Method::kTrace);
  EXPECT_EQ(method_of("CONNECT"), Method::kConnect);
  for (const char* other : {"", "get", "Get", "GETS", "PROPFIND", "POSTS", "HEAt", "DELET", "OPTION"}) {
    EXPECT_EQ(method_of(other), Method::kOther) << other;
  }
}

TEST(Methods, AreSafeAsRfc9110Says) {
  for (const Method method : {Method::kGet, Method::kHead, Method::kOptions, Method::kTrace}) {
    EXPECT_TRUE(is_safe(method));
  }
  for (const Method method :
       {Method::kPut, Method::kDelete, Method::kPost, Method::kPatch, Method::kConnect, Method::kOther}) {
    EXPECT_FALSE(is_safe(method));
  }
}

TEST(Fields, FindTheFirstOfAName) {
  Fields fields;
  EXPECT_EQ(fields.find(FieldName::kHost), nullptr);
  ASSERT_TRUE(fields.add({"X-One", "1", FieldName::kOther}));
  ASSERT_TRUE(fields.add({"Host", "a", FieldName::kHost}));
  ASSERT_TRUE(fields.add({"host", "b", FieldName::kHost}));
  ASSERT_NE(fields.find(FieldName::kHost), nullptr);
  EXPECT_EQ(fields.find(FieldName::kHost)->value, "a");
  ASSERT_NE(fields.find("x-oNE"), nullptr);
  EXPECT_EQ(fields.find("x-oNE")->value, "1");
  EXPECT_EQ(fields.find("x-on"), nullptr);
}

TEST(Fields, SayWhenTheyAreFull) {
  Fields fields;
  for (std::size_t i = 0; i < kMaxFields; ++i) ASSERT_TRUE(fields.add({}));
  EXPECT_FALSE(fields.add({}));
  EXPECT_EQ(fields.size(), kMaxFields);
  fields.clear();
  EXPECT_EQ(fields.begin(), fields.end());
}

TEST(Lists, AreWalkedElementByElement) {
  std::string seen;
  for_each_element(" a ,b\t,, ,c d,", [&](std::string_view element) {
    seen += "<" + std::string(element) + ">";
    return true;
  });
  EXPECT_EQ(seen, "<a><b><c d>");
  seen.clear();
  for_each_element("a,b", [&](std::string_view element) {
    seen += element;
    return false;
  });
  EXPECT_EQ(seen, "a") << "a visitor may stop";
}

TEST(Lists, TrimOnlySpacesAndTabs) {
  EXPECT_EQ(trim_ows(" \t a b \t"), "a b");
  EXPECT_EQ(trim_ows("\v a"), "\v a");
  EXPECT_EQ(trim_ows(" \t "), "");
}

TEST(Octets, AreTokensAsRfc9110Says) {
  constexpr std::string_view kTokens =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    EXPECT_EQ(is_octet(c, kIsToken), kTokens.contains(c)) << octet;
    // Bulk passes agree with the table at every place of a block and in the tail.
    for (std::size_t place = 0; place < 20; ++place) {
      std::string text(20, 'a');
      text[place] = c;
      const char* const begin = text.data();
      const char* const end = begin + text.size();
      const auto found = [&](std::uint8_t bits) { return is_octet(c, bits) ? end : begin + place; };
      ASSERT_EQ(find_non_token(begin, end), found(kIsToken)) << octet << " at " << place;
      ASSERT_EQ(find_non_text(begin, end), found(kIsText)) << octet << " at " << place;
      ASSERT_EQ(find_non_target(begin, end), found(kIsTarget)) << octet << " at " << place;
    }
  }
}

}  // namespace
}  // namespace claviger::http
