// SPDX-License-Identifier: Apache-2.0
#include "credentials/aws_signature.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/parse.h"
#include "credentials/testing/aws_vectors.h"

namespace claviger::credentials {
namespace {

using testing::AwsVector;

std::string digest_of(std::string_view body) { return base::format_hex(crypto::Sha256().digest(body)); }

std::string head_of(const AwsVector& vector, std::string_view host) {
  std::string head(vector.method);
  head.append(" ").append(vector.target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  return head.append(vector.fields);
}

struct Signed {
  std::string text;  // what was written behind the head
  std::string signature;  // "" where it does not fit
};

Signed sign(const std::string& head, const AwsKeys& keys, const AwsScope& scope, std::string_view time,
            std::string_view payload, std::size_t room = std::size_t{64} << 10) {
  std::string memory(room, '\0');
  http::HeadWriter out(memory);
  out.append(head);
  const auto made = sign_aws_request(out, keys, scope, AwsTime(*base::parse_rfc3339(time)), payload);
  if (!made.has_value()) return {"error: " + std::string(made.error().what()), ""};
  // The room that was worked in is as it was.
  EXPECT_TRUE(std::all_of(memory.begin() + static_cast<std::ptrdiff_t>(out.size()), memory.end(),
                          [](char c) { return c == '\0'; }));
  if (!out.fits()) return {};
  return {std::string(out.text().substr(head.size())), std::string(text_of(*made))};
}

std::string authorization(const AwsKeys& keys, std::string_view day, const AwsScope& scope,
                          const AwsVector& vector) {
  return "Authorization: AWS4-HMAC-SHA256 Credential=" + std::string(keys.access_key_id) + "/" +
         std::string(day) + "/" + std::string(scope.region) + "/" + std::string(scope.service) +
         "/aws4_request, SignedHeaders=" + std::string(vector.signed_names) +
         ", Signature=" + std::string(vector.signature) + "\r\n";
}

class AwsSuite : public ::testing::TestWithParam<AwsVector> {};

TEST_P(AwsSuite, SignsAsAwsPublishedIt) {
  AwsKeys keys = testing::kSuiteKeys;
  keys.session_token = GetParam().session_token;
  const Signed got = sign(head_of(GetParam(), testing::kSuiteHost), keys, testing::kSuiteScope,
                          testing::kSuiteTime, digest_of(GetParam().body));
  EXPECT_EQ(got.signature, GetParam().signature);
  std::string lines = "X-Amz-Date: 20150830T123600Z\r\n";
  if (!keys.session_token.empty())
    lines.append("X-Amz-Security-Token: ").append(keys.session_token).append("\r\n");
  EXPECT_EQ(got.text, lines + authorization(keys, "20150830", testing::kSuiteScope, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Aws, AwsSuite, ::testing::ValuesIn(testing::kSuiteVectors));

class AwsS3Examples : public ::testing::TestWithParam<AwsVector> {};

TEST_P(AwsS3Examples, AreSignedAsPublished) {
  const std::string digest = digest_of(GetParam().body);
  const std::string head = head_of(GetParam(), testing::kS3Host) + "x-amz-content-sha256: " + digest + "\r\n";
  const Signed got = sign(head, testing::kS3Keys, testing::kS3Scope, testing::kS3Time, digest);
  EXPECT_EQ(got.signature, GetParam().signature);
  EXPECT_EQ(got.text, "X-Amz-Date: 20130524T000000Z\r\n" +
                          authorization(testing::kS3Keys, "20130524", testing::kS3Scope, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Aws, AwsS3Examples, ::testing::ValuesIn(testing::kS3Vectors));

TEST(AwsSignature, OfAChunkedBodyIsAsPublished) {
  std::string head = "PUT " + std::string(testing::kChunkedTarget) +
                     " HTTP/1.1\r\nHost: " + std::string(testing::kChunkedHost) + "\r\n" +
                     std::string(testing::kChunkedFields);
  head.append("x-amz-content-sha256: ").append(kAwsSignedChunks).append("\r\n");
  EXPECT_EQ(
      sign(head, testing::kS3Keys, testing::kChunkedScope, testing::kS3Time, kAwsSignedChunks).signature,
      testing::kChunkedSignature);
}

TEST(AwsSignature, DerivesTheKeyAsPublished) {
  const AwsSigningKey key(testing::kSuiteKeys.secret_access_key, "20120215", {"us-east-1", "iam"});
  EXPECT_EQ(base::format_hex(key.bytes()), testing::kDerivedKey);
}

TEST(AwsSignature, WritesTimesAsAwsDoes) {
  EXPECT_EQ(AwsTime(*base::parse_rfc3339("2024-02-29T23:59:59.999Z")).text(), "20240229T235959Z");
  EXPECT_EQ(AwsTime(*base::parse_rfc3339("2027-01-01T00:00:00Z")).text(), "20270101T000000Z");
  EXPECT_EQ(AwsTime(*base::parse_rfc3339("2027-01-01T00:00:00Z")).day(), "20270101");
}

TEST(AwsSignature, SaysThatItDoesNotFitAndLeavesNothingOfItsWork) {
  const std::string head = "GET /?b=1&a=2 HTTP/1.1\r\nHost: fake.test\r\n";
  AwsKeys keys = testing::kSuiteKeys;
  keys.session_token = testing::kSuiteToken;
  const auto at = [&](std::size_t room) {
    return sign(head, keys, testing::kSuiteScope, testing::kSuiteTime, digest_of(""), room).signature;
  };
  std::size_t room = head.size();
  while (at(room).empty()) ++room;
  EXPECT_EQ(at(room), at(std::size_t{64} << 10));
  EXPECT_LT(room, std::size_t{4} << 10);
}

TEST(AwsSignature, RefusesASecretThatIsNone) {
  const std::string secret(kMaxAwsSecretKey + 1, 'x');
  EXPECT_EQ(sign("GET / HTTP/1.1\r\nHost: fake.test\r\n", {"AKIDEXAMPLE", secret, ""}, testing::kSuiteScope,
                 testing::kSuiteTime, digest_of(""))
                .text,
            "error: the secret access key is too long to be one");
}

}  // namespace
}  // namespace claviger::credentials
