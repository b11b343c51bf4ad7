// SPDX-License-Identifier: Apache-2.0
// What the kind makes of a request; the signature itself is held against AWS's vectors in aws_signature_test.cc.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/parse.h"
#include "credentials/aws_chunks.h"
#include "credentials/aws_keys.h"
#include "credentials/catalog.h"
#include "credentials/testing/bench.h"

namespace claviger::credentials {
namespace {

using testing::Bench;
using testing::Entries;

constexpr std::string_view kKeys =
    R"({"access_key_id": "AKIAFAKE", "secret_access_key": "fake-secret-access-key"})";
constexpr std::string_view kTemporary =
    R"({"access_key_id": "AKIAFAKE", "secret_access_key": "fake-secret", "session_token": "fake-session-token-0123"})";

struct Sent {
  std::string text;  // what it writes behind the head, or "error: ..."
  BodyNeed need = BodyNeed::kNone;
  std::uint64_t size = 0;
  bool is_coded = false;
  bool has(std::string_view line) const { return text.find(std::string(line) + "\r\n") != std::string::npos; }
  std::string signed_names() const {
    const std::size_t start = text.find("SignedHeaders=") + 14;
    return text.substr(start, text.find(',', start) - start);
  }
};

struct Body {
  http::Framing framing = http::Framing::kNone;
  std::uint64_t size = 0;
};

class AwsSigv4 : public ::testing::Test {
 protected:
  Result<std::unique_ptr<const Credential>> make(Entries more, std::string_view secret = kKeys,
                                                 bool over_tls = true) {
    Entries entries = {{"kind", "aws_sigv4"}, {"region", "eu-central-1"}};
    bool says_service = false;
    for (auto& entry : more) {
      says_service |= entry.first == "service";
      entries.push_back(std::move(entry));
    }
    if (!says_service) entries.emplace_back("service", "s3");
    const base::Document auth = testing::settings(entries);
    auto bytes = base::SecretBytes::copy_of(bench_.arena(), std::as_bytes(std::span(secret)));
    return (*find_kind(auth))
        ->make({.name = "fake-credential",
                .auth = auth,
                .secret = *std::move(bytes),
                .bound_to = Bench::kBoundTo,
                .over_tls = over_tls},
               bench_.key());
  }

  static constexpr Body kNothing{};
  static constexpr Body kSome{http::Framing::kLength, 100};
  static constexpr Body kUnknown{http::Framing::kChunked, 0};

  // A request with these fields, of which the head that goes out has none but Host.
  Sent send(const Credential& credential, Body body, std::vector<http::Field> fields = {}) {
    http::RequestHead head;
    head.framing = body.framing;
    head.content_length = body.size;
    for (http::Field& field : fields) {
      field.known = http::classify(field.name);
      head.fields.add(field);
    }
    Sent sent;
    sent.need = credential.body_need(head);
    const crypto::Sha256Digest digest = crypto::Sha256().digest("fake body");
    std::string memory(std::size_t{64} << 10, '\0');
    http::HeadWriter out(memory);
    const std::string start = "PUT /bucket/key HTTP/1.1\r\nHost: fake.test\r\n";
    out.append(start);
    vault::Opener opener = bench_.opener();
    std::unique_ptr<BodyCoder> coder;
    const auto written =
        credential.write_fields(out, {.opener = opener,
                                      .now = *base::parse_rfc3339("2026-01-02T03:04:05Z"),
                                      .payload = sent.need == BodyNeed::kDigest ? &digest : nullptr,
                                      .request = &head,
                                      .coder = &coder});
    sent.text = written.has_value() ? std::string(out.text().substr(start.size()))
                                    : "error: " + std::string(written.error().what());
    sent.is_coded = coder != nullptr;
    sent.size = credential.coded_size(head);
    EXPECT_EQ(memory.find("fake-secret"), std::string::npos) << "the secret key is wiped";
    return sent;
  }

  Bench bench_;
};

const std::string kEmptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST_F(AwsSigv4, SignsWhatItSends) {
  const auto credential = *make({}, kTemporary);
  const Sent sent = send(*credential, kNothing);
  EXPECT_TRUE(sent.has("X-Amz-Date: 20260102T030405Z")) << sent.text;
  EXPECT_TRUE(sent.has("X-Amz-Content-Sha256: " + kEmptyDigest));
  EXPECT_TRUE(sent.has("X-Amz-Security-Token: fake-session-token-0123"));
  EXPECT_NE(sent.text.find("Credential=AKIAFAKE/20260102/eu-central-1/s3/aws4_request, "), std::string::npos);
  EXPECT_EQ(sent.signed_names(), "host;x-amz-content-sha256;x-amz-date;x-amz-security-token");
  EXPECT_EQ(sent.need, BodyNeed::kNone);
}

TEST_F(AwsSigv4, SignsOfABodyWhatItsSettingsSay) {
  const auto form = [&](Entries entries, Body body, bool over_tls) {
    const Sent sent = send(**make(std::move(entries), kKeys, over_tls), body);
    const std::size_t start = sent.text.find("Sha256: ") + 8;
    return sent.text.substr(start, sent.text.find('\r', start) - start);
  };
  const std::string digest = base::format_hex(crypto::Sha256().digest("fake body"));
  EXPECT_EQ(form({}, kSome, true), kAwsUnsignedPayload);
  EXPECT_EQ(form({}, kUnknown, true), kAwsUnsignedPayload);
  EXPECT_EQ(form({}, kSome, false), kAwsSignedChunks);
  EXPECT_EQ(form({}, kUnknown, false), digest);
  EXPECT_EQ(form({{"payload", "signed"}}, kSome, true), digest);
  EXPECT_EQ(form({{"payload", "unsigned"}}, kSome, true), kAwsUnsignedPayload);
  EXPECT_EQ(form({{"payload", "chunked"}}, kSome, true), kAwsSignedChunks);
  EXPECT_EQ(form({{"payload", "chunked"}}, kUnknown, true), digest);
  EXPECT_EQ(form({{"service", "dynamodb"}}, kSome, true), digest);
  EXPECT_EQ(form({{"service", "dynamodb"}, {"payload", "unsigned"}}, kSome, true), kAwsUnsignedPayload);
  for (const char* payload : {"auto", "signed", "unsigned", "chunked"})
    EXPECT_EQ(form({{"payload", payload}}, kNothing, true), kEmptyDigest);
}

TEST_F(AwsSigv4, TakesADigestThatTheCallerGives) {
  const std::string given(64, 'A');
  const auto credential = *make({{"payload", "signed"}});
  const Sent sent = send(*credential, kSome, {{"x-amz-content-sha256", given}});
  EXPECT_EQ(sent.need, BodyNeed::kNone);
  EXPECT_TRUE(sent.has("X-Amz-Content-Sha256: " + std::string(64, 'a')));
  EXPECT_EQ(send(*credential, kSome, {{"x-amz-content-sha256", given.substr(1)}}).need, BodyNeed::kDigest);
  EXPECT_EQ(send(*credential, kSome, {{"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}}).need, BodyNeed::kDigest);
}

TEST_F(AwsSigv4, CodesABodyInChunks) {
  const Sent sent = send(**make({{"payload", "chunked"}}), kSome, {{"Content-Encoding", "gzip, br"}});
  EXPECT_EQ(sent.need, BodyNeed::kCoded);
  EXPECT_TRUE(sent.is_coded);
  EXPECT_EQ(sent.size, AwsChunkCoder::coded_size(100));
  EXPECT_TRUE(sent.has("X-Amz-Decoded-Content-Length: 100"));
  EXPECT_TRUE(sent.has("Content-Encoding: gzip,br,aws-chunked"));
}

TEST_F(AwsSigv4, CodesAnewWhatAnSdkHasCoded) {
  for (const Body body : {kSome, kUnknown}) {
    const Sent sent = send(**make({}), body,
                           {{"x-amz-content-sha256", kAwsSignedChunks},
                            {"X-Amz-Decoded-Content-Length", "70000"},
                            {"Content-Encoding", "AWS-chunked"}});
    EXPECT_TRUE(sent.is_coded);
    EXPECT_EQ(sent.size, AwsChunkCoder::coded_size(70000));
    EXPECT_TRUE(sent.has("X-Amz-Decoded-Content-Length: 70000"));
    EXPECT_TRUE(sent.has("Content-Encoding: aws-chunked"));
  }
}

TEST_F(AwsSigv4, RefusesWhatItCannotSignAnew) {
  const auto refusal = [&](Entries entries, std::vector<http::Field> fields) {
    const Sent sent = send(**make(std::move(entries)), kSome, std::move(fields));
    EXPECT_EQ(sent.need, BodyNeed::kNone);
    return sent.text;
  };
  const http::Field length{"x-amz-decoded-content-length", "5"};
  EXPECT_NE(refusal({}, {{"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"}, length})
                .find("signed trailer"),
            std::string::npos);
  for (const char* size : {"", "-1", "0x5", "99999999999999999999", "99999999999999"})
    EXPECT_TRUE(
        refusal({}, {{"x-amz-content-sha256", kAwsSignedChunks}, {length.name, size}}).starts_with("error"))
        << size;
  EXPECT_TRUE(refusal({{"service", "sts"}}, {{"x-amz-content-sha256", kAwsSignedChunks}, length})
                  .starts_with("error"));
  EXPECT_TRUE(refusal({{"payload", "signed"}}, {{"x-amz-content-sha256", kAwsUnsignedTrailer}, length})
                  .starts_with("error"));
  for (const char* field : {"X-Amz-Copy-Source", "x-amz-rename-source"})
    EXPECT_NE(refusal({}, {{field, "/other/object"}}).find("auth.copies"), std::string::npos) << field;
  EXPECT_FALSE(refusal({{"copies", "true"}}, {{"X-Amz-Copy-Source", "/other/object"}}).starts_with("error"));
}

TEST_F(AwsSigv4, PassesABodyWithAnUnsignedTrailer) {
  const Sent sent =
      send(**make({}), kSome,
           {{"x-amz-content-sha256", kAwsUnsignedTrailer}, {"x-amz-decoded-content-length", "5"}});
  EXPECT_FALSE(sent.is_coded);
  EXPECT_TRUE(sent.has("X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"));
  EXPECT_TRUE(sent.has("X-Amz-Decoded-Content-Length: 5"));
  // Without TLS, nothing would protect it.
  const Sent plain =
      send(**make({}, kKeys, false), kSome,
           {{"x-amz-content-sha256", kAwsUnsignedTrailer}, {"x-amz-decoded-content-length", "5"}});
  EXPECT_NE(plain.text.find("unsigned trailer"), std::string::npos);
}

TEST_F(AwsSigv4, TakesOffWhatACallerHasSignedWith) {
  const auto s3 = *make({});
  const auto sts = *make({{"service", "sts"}});
  EXPECT_EQ(s3->field_name(), "Authorization");
  EXPECT_EQ(s3->more_field_names().size(), 4);
  EXPECT_EQ(s3->more_query_names().size(), 11);
  EXPECT_EQ(sts->more_query_names().size(), 8);
}

TEST_F(AwsSigv4, SaysThatItDoesNotFitAndLeavesNothingBehind) {
  const auto credential = *make({}, kTemporary);
  http::RequestHead head;
  vault::Opener opener = bench_.opener();
  for (std::size_t room = 0; room < 1200; room += 7) {
    std::string memory(room, '\0');
    http::HeadWriter out(memory);
    out.append("GET / HTTP/1.1\r\n");
    (void)credential->write_fields(out, {.opener = opener, .request = &head});
    EXPECT_EQ(memory.find("fake-secret"), std::string::npos) << room;
  }
}

TEST_F(AwsSigv4, IsOfNoUseToAnotherProcess) {
  const auto credential = *make({});
  Bench other;
  vault::Opener opener = other.opener();
  http::RequestHead head;
  std::string memory(4096, '\0');
  http::HeadWriter out(memory);
  EXPECT_FALSE(credential->write_fields(out, {.opener = opener, .request = &head}).has_value());
  EXPECT_EQ(memory, std::string(4096, '\0'));
}

TEST_F(AwsSigv4, RefusesWrongSettings) {
  for (const Entries& wrong :
       {Entries{{"service", ""}}, Entries{{"service", "a/b"}}, Entries{{"payload", "none"}},
        Entries{{"service", "sts"}, {"payload", "chunked"}}, Entries{{"copies", "perhaps"}}})
    EXPECT_FALSE(make(wrong).has_value());
  const Kind& kind = **find_kind(testing::settings({{"kind", "aws_sigv4"}}));
  const auto needs_tls = [&](const char* payload) {
    return !kind
                .needs_tls(testing::settings(
                    {{"kind", "aws_sigv4"}, {"region", "x"}, {"service", "s3"}, {"payload", payload}}))
                .empty();
  };
  EXPECT_TRUE(needs_tls("unsigned"));
  EXPECT_FALSE(needs_tls("auto"));
}

TEST_F(AwsSigv4, TakesKeysInTheFormsOperatorsHaveThemIn) {
  const auto keys = [&](std::string_view text) -> std::string {
    const auto parsed = AwsKeyText::parse(text, bench_.arena());
    if (!parsed.has_value()) return "error: " + std::string(parsed.error().what());
    return std::string(parsed->keys().access_key_id) + "|" + std::string(parsed->keys().secret_access_key) +
           "|" + std::string(parsed->keys().session_token);
  };
  EXPECT_EQ(keys(kTemporary), "AKIAFAKE|fake-secret|fake-session-token-0123");
  EXPECT_EQ(keys(R"({"AccessKeyId":"A","SecretAccessKey":"b","SessionToken":"c"})"), "A|b|c");
  EXPECT_EQ(keys(R"({"Credentials":{"AccessKeyId":"A","SecretAccessKey":"b","SessionToken":"c"}})"), "A|b|c");
  EXPECT_EQ(keys("A:b/+="), "A|b/+=|");
  EXPECT_EQ(keys("A:b:c=="), "A|b|c==");
  EXPECT_EQ(keys("A\nb"), "A|b|");
  EXPECT_EQ(keys("A\r\nb\r\nc\r"), "A|b|c");
  for (const std::string& wrong :
       {std::string(), std::string("A"), std::string("A:"), std::string(":b"), std::string("A/B:c"),
        std::string("A,B:c"), std::string("A B:c"), std::string("A:b c"), std::string("A\nb\nc\nd"),
        std::string("{}"), std::string(R"({"access_key_id":1,"secret_access_key":"b"})"),
        std::string("{\"access_key_id\""), "A:" + std::string(257, 'b'), std::string(129, 'A') + ":b",
        "A:b:" + std::string(12289, 'c')}) {
    const std::string refused = keys(wrong);
    EXPECT_TRUE(refused.starts_with("error: its secret")) << refused;
  }
}

}  // namespace
}  // namespace claviger::credentials
