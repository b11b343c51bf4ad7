// SPDX-License-Identifier: Apache-2.0
// What each kind writes, byte for byte, and what it asks of its settings and its secret.
#include <gtest/gtest.h>

#include "credentials/catalog.h"
#include "credentials/testing/bench.h"
#include "credentials/testing/mask_bench.h"

namespace claviger::credentials {
namespace {

using testing::Bench;
using testing::Entries;
using testing::settings;

// The whole of what a credential of these settings puts on a request; "error: ..." when it is refused.
std::string written(const Entries& entries, std::string_view secret) {
  Bench bench;
  const base::Document auth = settings(entries);
  const auto kind = find_kind(auth);
  EXPECT_TRUE(kind.has_value());
  const auto credential = bench.make(**kind, auth, secret, false);
  if (!credential.has_value()) return "error: " + std::string(credential.error().what());
  return bench.fields_of(**credential) + bench.query_of(**credential);
}

bool is_refused(const Entries& entries, std::string_view secret = "fake-secret") {
  return written(entries, secret).starts_with("error: ");
}

TEST(Bearer, WritesTheTokenBehindItsScheme) {
  EXPECT_EQ(written({{"kind", "bearer"}}, "fake-token"), "Authorization: Bearer fake-token\r\n");
}

TEST(Bearer, RefusesASpaceSinceTheSchemeMayBeThereTwice) {
  EXPECT_TRUE(is_refused({{"kind", "bearer"}}, "Bearer fake-token"));
}

TEST(Header, WritesPrefixAndSecret) {
  EXPECT_EQ(written({{"kind", "header"}, {"name", "X-Api-Key"}}, "fake key"), "X-Api-Key: fake key\r\n");
  EXPECT_EQ(written({{"kind", "header"}, {"name", "Authorization"}, {"prefix", "Token "}}, "fake-key"),
            "Authorization: Token fake-key\r\n");
  EXPECT_EQ(written({{"kind", "header"}, {"name", "x"}}, "caf\xc3\xa9"), "x: caf\xc3\xa9\r\n");
}

TEST(Header, RefusesNamesThatMeanSomethingElse) {
  for (const char* name : {"Host",
                           "content-length",
                           "Transfer-Encoding",
                           "Connection",
                           "TE",
                           "Trailer",
                           "Upgrade",
                           "Keep-Alive",
                           "Proxy-Authorization",
                           "Proxy-Foo",
                           "Cookie",
                           "Set-Cookie",
                           "Via",
                           "Range",
                           "X-Forwarded-For",
                           "X-Request-ID",
                           "X-Claviger-Anything",
                           "Expect",
                           "Accept-Encoding",
                           "Content-Type",
                           "If-Match",
                           "HTTP2-Settings",
                           "Date"}) {
    EXPECT_TRUE(is_refused({{"kind", "header"}, {"name", name}})) << name;
  }
}

TEST(Header, RefusesNamesThatAreNoTokens) {
  for (const char* name : {"", "X Key", "X-Key:", "X-Key\r\nEvil", "X-K\xc3\xa9y", "X-Key\t"}) {
    EXPECT_TRUE(is_refused({{"kind", "header"}, {"name", name}})) << name;
  }
  EXPECT_TRUE(is_refused({{"kind", "header"}, {"name", std::string(65, 'x')}}));
  EXPECT_TRUE(is_refused({{"kind", "header"}}));
}

TEST(Header, RefusesAPrefixThatCouldSplitTheField) {
  for (const char* prefix : {"Token\r\nEvil: 1", "Token\n", " Token", "To\tken"}) {
    EXPECT_TRUE(is_refused({{"kind", "header"}, {"name", "X-Key"}, {"prefix", prefix}})) << prefix;
  }
}

// RFC 7617 section 2.
TEST(Basic, EncodesUserAndPassword) {
  EXPECT_EQ(written({{"kind", "basic"}, {"username", "Aladdin"}}, "open sesame"),
            "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
  EXPECT_EQ(written({{"kind", "basic"}}, "Aladdin:open sesame"),
            "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
  EXPECT_EQ(written({{"kind", "basic"}, {"username", ""}}, "fake"), "Authorization: Basic OmZha2U=\r\n");
}

TEST(Basic, RefusesAPairWithoutColonAndAUserNameWithOne) {
  EXPECT_TRUE(is_refused({{"kind", "basic"}}, "fake-password-alone"));
  EXPECT_TRUE(is_refused({{"kind", "basic"}, {"username", "a:b"}}));
  EXPECT_TRUE(is_refused({{"kind", "basic"}, {"username", "a\nb"}}));
}

TEST(Query, PercentEncodesAllButUnreservedCharacters) {
  EXPECT_EQ(written({{"kind", "query"}, {"name", "key"}}, "fake-key_1.2~3"), "key=fake-key_1.2~3");
  EXPECT_EQ(written({{"kind", "query"}, {"name", "key"}}, "a&b=c d+e%f/g?h#\xc3\xa9"),
            "key=a%26b%3Dc%20d%2Be%25f%2Fg%3Fh%23%C3%A9");
}

TEST(Query, RefusesNamesThatWouldNeedEncoding) {
  for (const char* name : {"", "a b", "a=b", "a&b", "a[b]", "k\xc3\xa9y"}) {
    EXPECT_TRUE(is_refused({{"kind", "query"}, {"name", name}})) << name;
  }
}

// Of a secret with what has to be encoded in it, in each form that goes out.
TEST(StaticKinds, MarkWhatTheyPutOnARequest) {
  const std::string secret = "fake/secret+of=24&bytes!";
  const std::vector<testing::Entries> all = {{{"kind", "bearer"}},
                                             {{"kind", "header"}, {"name", "X-Key"}, {"prefix", "Key "}},
                                             {{"kind", "basic"}, {"username", "somebody"}},
                                             {{"kind", "basic"}},
                                             {{"kind", "query"}, {"name", "key"}}};
  testing::MaskBench bench;
  for (const testing::Entries& entries : all) {
    const base::Document auth = settings(entries);
    const Kind* kind = *find_kind(auth);
    const std::string user = kind->name() == "basic" && entries.size() == 1 ? "somebody:" : "";
    const auto made = bench.bench().make(*kind, auth, user + secret);
    ASSERT_TRUE(made.has_value()) << made.error().what();
    const EchoMarks& marks = (*made)->echoes();
    const std::string sent = bench.bench().fields_of(**made) + bench.bench().query_of(**made);
    EXPECT_NE(bench.mask(marks, sent, {100000}), sent) << sent;
    EXPECT_EQ(bench.found(), 1U);
    EXPECT_EQ(bench.mask(marks, secret, {100000}), std::string(secret.size(), '*')) << kind->name();
    EXPECT_TRUE(bench.bench().make(*kind, auth, user + secret, false).value()->echoes().is_empty());
    const auto shorter = bench.bench().make(*kind, auth, user + "fake-15-bytes..");
    ASSERT_FALSE(shorter.has_value()) << kind->name();
    EXPECT_TRUE(shorter.error().what().starts_with(
        "credential 'fake-credential': its secret is shorter than 16 bytes"));
  }
}

}  // namespace
}  // namespace claviger::credentials
