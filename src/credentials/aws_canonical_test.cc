// SPDX-License-Identifier: Apache-2.0
#include "credentials/aws_canonical.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::credentials {
namespace {

constexpr AwsScope kOther{"us-east-1", "fakeservice"};
constexpr AwsScope kS3{"us-east-1", "s3"};

std::string canonical(const std::string& head, const AwsScope& scope,
                      std::size_t room = std::size_t{64} << 10) {
  std::string memory(room, '\0');
  http::HeadWriter out(memory);
  AwsRequest request;
  if (const auto read = request.read(head, scope); !read.has_value())
    return "error: " + std::string(read.error().what());
  const auto text = request.write_canonical(out, "PAYLOAD");
  if (!text.has_value()) return "error: " + std::string(text.error().what());
  return out.fits() ? std::string(*text) : "does not fit";
}

std::string of_target(const std::string& target, const AwsScope& scope) {
  return canonical("GET " + target + " HTTP/1.1\r\nHost: fake.test\r\n", scope);
}
std::string path_of(const std::string& target, const AwsScope& scope) {
  const std::string text = of_target(target, scope);
  const std::size_t start = text.find('\n') + 1;
  return text.substr(start, text.find('\n', start) - start);
}
std::string query_of(const std::string& query) {
  const std::string text = of_target("/?" + query, kS3);
  const std::size_t start = text.find('\n', text.find('\n') + 1) + 1;
  return text.substr(start, text.find('\n', start) - start);
}

TEST(AwsCanonical, IsMethodPathQueryFieldsAndPayload) {
  EXPECT_EQ(canonical("POST /a?b HTTP/1.1\r\nHost: fake.test\r\nAccept: x\r\nX-Amz-Target: T\r\n", kOther),
            "POST\n/a\nb=\nhost:fake.test\nx-amz-target:T\n\nhost;x-amz-target\nPAYLOAD");
}

TEST(AwsCanonical, EncodesAPathOnceForS3AndOnceMoreForOthers) {
  EXPECT_EQ(path_of("/a%20b/%C3%A9%2B", kS3), "/a%20b/%C3%A9%2B");
  EXPECT_EQ(path_of("/a%20b/%C3%A9%2B", kOther), "/a%2520b/%25C3%25A9%252B");
  EXPECT_EQ(path_of("/a:b@c$d!e'(f)*,;=&+", kS3), "/a%3Ab%40c%24d%21e%27%28f%29%2A%2C%3B%3D%26%2B");
  EXPECT_EQ(path_of("/arn:aws/x", kOther), "/arn%3Aaws/x");
  EXPECT_EQ(path_of("/~-._", kS3), "/~-._");
}

TEST(AwsCanonical, LeavesThePathOfS3AsItIs) {
  EXPECT_EQ(path_of("/a//b/", kS3), "/a//b/");
  EXPECT_EQ(path_of("/a%2Fb", kS3), "/a%2Fb");
}

TEST(AwsCanonical, SortsAQueryByNameAndThenByValueAsTheyAreEncoded) {
  EXPECT_EQ(query_of("b=2&a=3&a=1&B=4"), "B=4&a=1&a=3&b=2");
  // '-' comes before '=', but a shorter name before a longer one.
  EXPECT_EQ(query_of("a-=1&a=2"), "a=2&a-=1");
  EXPECT_EQ(query_of("a0=1&a=z"), "a=z&a0=1");
  EXPECT_EQ(query_of("%7Ba=1&z=2"), "%7Ba=1&z=2");
  EXPECT_EQ(query_of("{=1&z=2"), "%7B=1&z=2");
}

TEST(AwsCanonical, ReadsAQueryAsAFormAndWritesItAsAUrl) {
  EXPECT_EQ(query_of("a=b+c&d=e%20f&g=%2b"), "a=b%20c&d=e%20f&g=%2B");
  EXPECT_EQ(query_of("acl"), "acl=");
  EXPECT_EQ(query_of("a=&b&&=c&"), "=c&a=&b=");
  EXPECT_EQ(query_of("a=b=c/d?e"), "a=b%3Dc%2Fd%3Fe");
  EXPECT_EQ(query_of("a=%41%7e"), "a=A~");
  EXPECT_EQ(query_of("a=\xc3\xa9"), "a=%C3%A9");
}

TEST(AwsCanonical, TakesOddEscapesForWhatTheyAre) {
  EXPECT_EQ(query_of("a=%"), "a=%25");
  EXPECT_EQ(query_of("a=%4"), "a=%254");
  EXPECT_EQ(query_of("a=%zz%4"), "a=%25zz%254");
  EXPECT_EQ(path_of("/%", kS3), "/%25");
}

TEST(AwsCanonical, SignsTheFieldsThatMatterInOneFormAndOrder) {
  EXPECT_EQ(
      canonical("GET / HTTP/1.1\r\nX-Amz-B: 2\r\nhost:fake.test\r\nx-amz-a:\t 1 \t 2  \r\nX-AMZ-b:  1\r\n"
                "Content-Type: text/plain\r\nUser-Agent: fake\r\nX-Amzn-Trace-Id: 7\r\nX-Amz-: 8\r\n",
                kOther),
      "GET\n/\n\ncontent-type:text/plain\nhost:fake.test\nx-amz-a:1 2\nx-amz-b:2,1\n\n"
      "content-type;host;x-amz-a;x-amz-b\nPAYLOAD");
}

TEST(AwsCanonical, RefusesWhatIsNoRequest) {
  for (const char* head :
       {"", "GET / HTTP/1.1", "GET\r\n", "GET /\r\nHost: x\r\n", "GET / HTTP/1.1\r\nHost\r\n",
        "GET / HTTP/1.1\r\nHost: x", "GET / HTTP/1.1\r\n\r\nHost: x\r\n"})
    EXPECT_EQ(canonical(head, kS3), "error: this is no request that could be signed") << head;
}

TEST(AwsCanonical, BoundsWhatItSorts) {
  std::string query;
  for (int i = 0; i < 512; ++i) query += "a&";
  EXPECT_EQ(query_of(query).size(), 512 * 3 - 1);
  EXPECT_EQ(of_target("/?" + query + "a", kS3), "error: over 512 query parameters cannot be signed");
  std::string head = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 144; ++i) head += "x-amz-meta-a: 1\r\n";
  EXPECT_NE(canonical(head, kS3).find("x-amz-meta-a:1,1"), std::string::npos);
  EXPECT_EQ(canonical(head + "x-amz-meta-a: 1\r\n", kS3), "error: over 144 fields cannot be signed");
}

TEST(AwsCanonical, SaysThatItDoesNotFit) {
  const std::string head = "GET /a%20b?c=d&a=b HTTP/1.1\r\nHost: fake.test\r\n";
  const std::string whole = canonical(head, kS3);
  for (std::size_t room = 0; room < whole.size(); ++room)
    EXPECT_EQ(canonical(head, kS3, room), "does not fit");
}

}  // namespace
}  // namespace claviger::credentials
