// SPDX-License-Identifier: Apache-2.0
#include "credentials/aws_chunks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/parse.h"
#include "credentials/testing/aws_vectors.h"
#include "credentials/testing/bench.h"

namespace claviger::credentials {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10;

AwsHex seed_signature() {
  AwsHex seed;
  std::ranges::copy(testing::kChunkedSignature, seed.begin());
  return seed;
}

// What comes out when the body is given in pieces of that size; "error: ..." instead where it is refused.
std::string coded(std::string_view body, std::uint64_t size, std::size_t step, bool is_chunked = false) {
  const AwsTime time(*base::parse_rfc3339(testing::kS3Time));
  const AwsSigningKey key(testing::kS3Keys.secret_access_key, time.day(), testing::kChunkedScope);
  const AwsHex signature = seed_signature();
  auto coder = AwsChunkCoder::create({key, signature, time, testing::kChunkedScope}, size, is_chunked);
  EXPECT_TRUE(coder.has_value());
  std::string out;
  while (!body.empty()) {
    std::string_view piece = body.substr(0, step);
    body.remove_prefix(piece.size());
    while (!piece.empty()) {
      const auto text = (*coder)->take(piece);
      if (!text.has_value()) return "error: " + std::string(text.error().what());
      out += *text;
    }
  }
  const auto end = (*coder)->finish();
  if (!end.has_value()) return "error: " + std::string(end.error().what());
  return out.append(*end);
}

std::string chunk(std::string_view data, std::string_view signature) {
  std::string text = fmt::format("{:x};chunk-signature={}\r\n", data.size(), signature);
  return text.append(data).append("\r\n");
}

std::string published() {
  const std::string data(66560, 'a');
  return chunk(std::string_view(data).substr(0, kChunk), testing::kChunkSignatures[0]) +
         chunk(std::string_view(data).substr(kChunk), testing::kChunkSignatures[1]) +
         chunk({}, testing::kChunkSignatures[2]);
}

TEST(AwsChunks, AreSignedAsPublishedHoweverTheBodyComes) {
  const std::string body(66560, 'a');
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{1000}, kChunk - 1, kChunk, kChunk + 1, body.size()})
    EXPECT_EQ(coded(body, body.size(), step), published()) << step;
}

TEST(AwsChunks, KnowTheirSizeBeforehand) {
  EXPECT_EQ(AwsChunkCoder::coded_size(66560), 66824);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16}, kChunk - 1,
                                 kChunk, kChunk + 1, 2 * kChunk, 3 * kChunk + 4096})
    EXPECT_EQ(coded(std::string(size, 'x'), size, 7000).size(), AwsChunkCoder::coded_size(size)) << size;
}

TEST(AwsChunks, RefuseABodyThatIsLongerOrShorterThanItWasSaidToBe) {
  EXPECT_EQ(coded("12345", 4, 5), "error: the body is not as long as its head says");
  EXPECT_EQ(coded("12345", 6, 5), "error: the body is not as long as its head says");
}

// What an SDK has signed with keys of its own comes out as if it had not.
TEST(AwsChunks, OfTheCallerAreSignedAnew) {
  const std::string data(66560, 'a');
  const std::string fake(64, 'f');
  std::string body;
  for (std::size_t at = 0; at < data.size(); at += 20000)
    body += chunk(std::string_view(data).substr(at, 20000), fake);
  body += chunk({}, fake);
  for (const std::size_t step : {std::size_t{1}, std::size_t{333}, body.size()})
    EXPECT_EQ(coded(body, data.size(), step, true), published()) << step;
}

TEST(AwsChunks, OfTheCallerHaveToBeWholeAndOfOneForm) {
  const std::string fake(64, 'f');
  const std::string good = chunk("12345", fake) + chunk({}, fake);
  EXPECT_FALSE(coded(good, 5, 1000, true).starts_with("error"));
  EXPECT_EQ(coded(good, 4, 1000, true), "error: the body is not as long as its head says");
  EXPECT_EQ(coded(good, 6, 1000, true), "error: the body is not as long as its head says");
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_TRUE(coded(good.substr(0, size), 5, 1000, true).starts_with("error")) << size;
  // Behind what says how long it is, every byte of the framing is what it has to be.
  for (std::size_t i = 0; i < good.size(); ++i) {
    if (good[i] == 'f' || (good[i] >= '1' && good[i] <= '5')) continue;
    std::string wrong = good;
    wrong[i] = '!';
    EXPECT_TRUE(coded(wrong, 5, 1000, true).starts_with("error")) << i;
  }
  for (const std::string& wrong :
       {good + "x", good + good, "5\r\n12345\r\n0\r\n\r\n" + fake,
        chunk("12345", fake) + "0;chunk-signature=" + fake + "\r\nx", ";chunk-signature=" + fake + "\r\n\r\n",
        "-5" + good, " " + good, "5 " + good.substr(1), std::string(11, '0') + good,
        "fffffffffffffffff" + good})
    EXPECT_TRUE(coded(wrong, 5, 3, true).starts_with("error")) << wrong;
}

}  // namespace
}  // namespace claviger::credentials
