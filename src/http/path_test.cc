// SPDX-License-Identifier: Apache-2.0
#include "http/path.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::http {
namespace {

using std::string_literals::operator""s;

// "" when canonical, else the reason.
std::string check(std::string_view path) {
  const auto result = check_canonical_path(path);
  if (result.has_value()) return "";
  EXPECT_EQ(result.error().code(), Code::kBadRequest);
  EXPECT_EQ(result.error().blame(), Blame::kCaller);
  return std::string(result.error().what());
}

TEST(CanonicalPath, IsTakenAsItIs) {
  for (const char* path : {"/",
                           "/a",
                           "/a/",
                           "/a/b.c/d-e_f~g",
                           "/v1/models/x:predict",
                           "/a%20b",
                           "/%C3%A9t%C3%A9",
                           "/a;v=1/b",
                           "/a,b/(c)/d!e$f&g'h*i+j=k@l",
                           "/...",
                           "/..a",
                           "/.well-known/x",
                           "/a..",
                           "/a.b..c",
                           "/%25",
                           "/100%25",
                           "/%25x1",
                           "/%E2%82%AC",
                           "/%F0%9F%94%91",
                           "/a%3Bb",
                           "/a;..",
                           "/%3Fx%23",
                           "/....",
                           "/%F4%8F%BF%BF",
                           "/%ED%9F%BF",
                           "/%EF%BF%BD",
                           "/%E0%A0%80%C2%80",
                           "/%F0%90%80%80%E1%80%BF",
                           "/%ED%9F%BF%C3%BF",
                           "/a.;b",
                           "/%5B%5D"}) {
    EXPECT_EQ(check(path), "") << path;
  }
}

TEST(CanonicalPath, BeginsWithASlash) {
  EXPECT_EQ(check(""), "the path does not begin with a slash");
  EXPECT_EQ(check("a/b"), "the path does not begin with a slash");
  EXPECT_EQ(check("%2Fa"), "the path does not begin with a slash");
}

TEST(CanonicalPath, HasNoEmptySegments) {
  for (const char* path : {"//", "//a", "/a//b", "/a//", "///"}) {
    EXPECT_EQ(check(path), "an empty segment in the path") << path;
  }
  for (const char* path : {"/;x", "/a/;/b", "/a/;x=y", "/%3B"}) {
    EXPECT_EQ(check(path), "a segment of the path is empty but for parameters") << path;
  }
}

TEST(CanonicalPath, HasNoDotSegments) {
  for (const char* path :
       {"/.", "/..", "/./a", "/../a", "/a/.", "/a/..", "/a/./b", "/a/../b", "/..;/a", "/..;x=y/a", "/.;x",
        "/a/..%3Bx", "/.%3B", "/a/..%2Fb", "/a%2F..", "/a%2F../b", "/a%2F..%2Fb", "/a%2F.", "/..%2F"}) {
    EXPECT_EQ(check(path), "a dot segment in the path") << path;
  }
  for (const char* path : {"/%2E%2E/a", "/%2e%2e/a", "/.%2E/a", "/%2E", "/a/%2E%2E", "/a/%2E%2E;x"}) {
    EXPECT_NE(check(path), "") << path;
  }
}

TEST(CanonicalPath, HasNoBackslashes) {
  EXPECT_EQ(check("/a\\b"), "a backslash in the path");
  EXPECT_EQ(check("/..\\a"), "a backslash in the path");
  EXPECT_EQ(check("/a%5Cb"), "an encoded backslash in the path");
  EXPECT_NE(check("/a%5cb"), "");
}

TEST(CanonicalPath, HasNoBytesThatMustBeEncoded) {
  const std::string fine = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/";
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    if (c == '%') continue;
    EXPECT_EQ(check("/a"s + c + "b").empty(), fine.contains(c)) << octet;
  }
}

TEST(CanonicalPath, HasNoMalformedOrLowerCaseEncoding) {
  for (const char* path :
       {"/%", "/%2", "/%G0", "/%0G", "/%%", "/%2f", "/%c3%a9", "/%C3%a9", "/%-1", "/% 1", "/a%", "/%u0041"}) {
    EXPECT_EQ(check(path), "percent-encoding that is malformed or in lower case") << path;
  }
}

TEST(CanonicalPath, HasNoEncodedUnreservedOrControlCharacters) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (unsigned octet = 0; octet < 128; ++octet) {
    const std::string path = "/a%"s + kHex[octet / 16] + kHex[octet % 16] + "z";
    const bool unreserved =
        std::isalnum(static_cast<int>(octet)) != 0 || "-._~"s.contains(static_cast<char>(octet));
    const bool control = octet < 0x20 || octet == 0x7F;
    EXPECT_EQ(check(path).empty(), !unreserved && !control && octet != '\\') << path;
  }
}

TEST(CanonicalPath, HasNoSecondLayerOfEncoding) {
  for (const char* path : {"/%252F", "/%252e%252e/", "/%2541", "/a%25aF", "/%25ff"}) {
    EXPECT_EQ(check(path), "a second layer of percent-encoding in the path") << path;
  }
  EXPECT_EQ(check("/%25%2041"), "") << "a percent sign, a space and digits";
}

TEST(CanonicalPath, IsUtf8WhenDecoded) {
  for (const char* path : {"/%80",          "/%BF",          "/%C3",          "/%C3/%A9",      "/%C3a",
                           "/%C0%AF",       "/%C1%81",       "/%E0%80%AF",    "/%E0%9F%BF",    "/%ED%A0%80",
                           "/%F0%80%80%AF", "/%F0%8F%BF%BF", "/%F4%90%80%80", "/%F5%80%80%80", "/%FF",
                           "/%E2%82",       "/%E2%82%20",    "/%C3%C3",       "/%E2%28%A1",    "/%C3%2F"}) {
    EXPECT_EQ(check(path), "percent-encoding that is not UTF-8") << path;
  }
}

TEST(CanonicalPath, ReportsEncodedSlashes) {
  EXPECT_FALSE(check_canonical_path("/a/b")->has_encoded_slash);
  EXPECT_TRUE(check_canonical_path("/a%2Fb")->has_encoded_slash);
  EXPECT_TRUE(check_canonical_path("/a/b%2F")->has_encoded_slash);
}

// "" when accepted, else the reason.
std::string refusal(std::string_view text) {
  const auto result = parse_base_url(text);
  if (result.has_value()) return "";
  EXPECT_EQ(result.error().code(), Code::kInvalid);
  EXPECT_EQ(result.error().blame(), Blame::kOperator);
  return std::string(result.error().what());
}

TEST(BaseUrl, IsTakenApart) {
  const auto url = parse_base_url("https://API.Example.com:8443/v1/x");
  ASSERT_TRUE(url.has_value());
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "api.example.com");
  EXPECT_FALSE(url->host_is_ip);
  EXPECT_EQ(url->port, 8443U);
  EXPECT_EQ(url->path, "/v1/x");
  EXPECT_EQ(url->authority, "api.example.com:8443");
}

TEST(BaseUrl, KnowsDefaultPortsAndTheRoot) {
  const auto plain = parse_base_url("http://localhost/");
  ASSERT_TRUE(plain.has_value());
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(plain->port, 80U);
  EXPECT_EQ(plain->path, "");
  EXPECT_EQ(plain->authority, "localhost");
  EXPECT_EQ(parse_base_url("https://h:443")->authority, "h");
  EXPECT_EQ(parse_base_url("https://h:80")->authority, "h:80");
  EXPECT_EQ(parse_base_url("HTTPS://h/a/")->path, "/a");
}

TEST(BaseUrl, TakesAddresses) {
  const auto v4 = parse_base_url("http://127.0.0.1:9000");
  ASSERT_TRUE(v4.has_value());
  EXPECT_TRUE(v4->host_is_ip);
  EXPECT_EQ(v4->authority, "127.0.0.1:9000");
  const auto v6 = parse_base_url("https://[2001:DB8:0::1]:8443/x");
  ASSERT_TRUE(v6.has_value());
  EXPECT_TRUE(v6->host_is_ip);
  EXPECT_EQ(v6->host, "2001:db8::1");
  EXPECT_EQ(v6->authority, "[2001:db8::1]:8443");
  EXPECT_EQ(parse_base_url("https://[::1]")->authority, "[::1]");
}

TEST(BaseUrl, RefusesAddressesInOtherClothing) {
  for (const char* url :
       {"http://127.1", "http://0x7f.0.0.1", "http://0x7f000001", "http://2130706433", "http://127.0.0.0x1",
        "http://0177.0.0.1", "http://1.2.3.4.5", "http://256.1.1.1", "http://a.0x", "http://[127.0.0.1]",
        "http://[::1", "http://[::1]x", "http://[]", "http://[fe80::1%25lo]"}) {
    EXPECT_EQ(refusal(url), "base URL: the host is no valid IP address") << url;
  }
}

TEST(BaseUrl, RefusesWhatHasNoPlaceInABase) {
  EXPECT_EQ(refusal("https://user@h/"), "base URL: it has user information");
  EXPECT_EQ(refusal("https://user:fake-password@h/"), "base URL: it has user information");
  EXPECT_EQ(refusal("https://h/?a=b"), "base URL: it has a query");
  EXPECT_EQ(refusal("https://h?"), "base URL: it has a query");
  EXPECT_EQ(refusal("https://h/#x"), "base URL: it has a fragment");
  for (const char* url : {"", "h", "//h", "ftp://h", "https:/h", "://h", "https//h"}) {
    EXPECT_EQ(refusal(url), "base URL: it begins with neither https:// nor http://") << url;
  }
  for (const char* url : {"https://", "https:///a", "https://.", "https://h.", "https://.h", "https://a..b",
                          "https://-a", "https://a-", "https://a_b", "https://a b", "https://a%41",
                          "https://caf\xC3\xA9", "https://:443", "https://a\\b"}) {
    EXPECT_EQ(refusal(url), "base URL: the host is not made of letters, digits, '-' and '.'") << url;
  }
  for (const char* url :
       {"https://h:", "https://h:0", "https://h:65536", "https://h:+1", "https://h:80:80", "https://h:x"}) {
    EXPECT_EQ(refusal(url), "base URL: the port is not a number from 1 to 65535") << url;
  }
  for (const char* url : {"https://h//", "https://h/a/../b", "https://h/a b", "https://h/%2e"}) {
    EXPECT_EQ(refusal(url), "base URL: the path is not in canonical form") << url;
  }
  EXPECT_NE(refusal("https://" + std::string(64, 'a')), "");
  EXPECT_NE(refusal("https://" + std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                    std::string(63, 'c') + "." + std::string(63, 'd')),
            "");
}

TEST(BaseUrl, IsNotRepeatedInErrors) {
  EXPECT_EQ(refusal("https://h/hooks/fake-secret\\").find("fake"), std::string::npos);
}

TEST(QueryParameter, IsComparedOnceDecodedAndWithoutCase) {
  EXPECT_TRUE(is_query_parameter("api_key", "api_key"));
  EXPECT_TRUE(is_query_parameter("API_Key", "api_key"));
  EXPECT_TRUE(is_query_parameter("%61pi%5fkey", "api_key"));
  EXPECT_TRUE(is_query_parameter("%41PI%5FKEY", "api_key"));
  EXPECT_TRUE(is_query_parameter("api+key", "api key"));
  EXPECT_TRUE(is_query_parameter("api%20key", "api key"));
  EXPECT_TRUE(is_query_parameter("%", "%"));
  EXPECT_FALSE(is_query_parameter("api_keys", "api_key"));
  EXPECT_FALSE(is_query_parameter("api_ke", "api_key"));
  EXPECT_FALSE(is_query_parameter("", "api_key"));
  EXPECT_FALSE(is_query_parameter("%2561pi_key", "api_key"));
  EXPECT_FALSE(is_query_parameter("%6", "f"));
}

}  // namespace
}  // namespace claviger::http
