// SPDX-License-Identifier: Apache-2.0
#include "http/body.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace claviger::http {
namespace {

using std::string_literals::operator""s;

struct Outcome {
  std::string data;
  std::string error;       // "" for none
  std::size_t consumed = 0;
  bool done = false;
};

// Feeds `input` in pieces of `piece` bytes, each in memory of its own.
Outcome read(BodyReader reader, std::string_view input, std::size_t piece) {
  Outcome outcome;
  while (outcome.consumed < input.size() && !reader.is_done()) {
    const std::string part(input.substr(outcome.consumed, piece));
    const auto step = reader.next(part);
    if (!step.has_value()) {
      outcome.error = step.error().what();
      return outcome;
    }
    EXPECT_GT(step->consumed, 0U);
    EXPECT_LE(step->data.size(), step->consumed);
    outcome.data += step->data;
    outcome.consumed += step->consumed;
  }
  EXPECT_EQ(reader.total(), outcome.data.size());
  outcome.done = reader.is_done();
  return outcome;
}

Outcome read_chunked(std::string_view input) {
  const BodyReader reader(Framing::kChunked, 0, Blame::kCaller);
  Outcome whole = read(reader, input, input.size() + 1);
  for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
    const Outcome pieces = read(reader, input, piece);
    EXPECT_EQ(whole.error, pieces.error) << "in pieces of " << piece;
    EXPECT_EQ(whole.done, pieces.done);
    if (whole.error.empty()) {
      EXPECT_EQ(whole.data, pieces.data);
      EXPECT_EQ(whole.consumed, pieces.consumed);
    }
  }
  return whole;
}

TEST(BodyReader, IsDoneAtOnceWithoutABody) {
  EXPECT_TRUE(BodyReader().is_done());
  EXPECT_TRUE(BodyReader(Framing::kNone, 5, Blame::kCaller).is_done());
  EXPECT_TRUE(BodyReader(Framing::kLength, 0, Blame::kCaller).is_done());
  BodyReader none;
  const auto step = none.next("GET / HTTP/1.1");
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->consumed, 0U);
  EXPECT_TRUE(none.end_of_input().has_value());
}

TEST(BodyReader, TakesAsManyBytesAsTheLengthSays) {
  BodyReader reader(Framing::kLength, 5, Blame::kCaller);
  auto step = reader.next("abc");
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->data, "abc");
  EXPECT_EQ(reader.remaining(), 2U);
  EXPECT_FALSE(reader.is_done());
  step = reader.next("defgh");
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->data, "de");
  EXPECT_EQ(step->consumed, 2U);
  EXPECT_TRUE(reader.is_done());
  EXPECT_EQ(reader.total(), 5U);
  EXPECT_EQ(reader.next("fgh")->consumed, 0U);
}

TEST(BodyReader, ReadsUntilTheConnectionCloses) {
  BodyReader reader(Framing::kUntilClose, 0, Blame::kUpstream);
  EXPECT_EQ(reader.next("abc")->data, "abc");
  EXPECT_FALSE(reader.is_done());
  EXPECT_TRUE(reader.end_of_input().has_value());
  EXPECT_TRUE(reader.is_done());
  EXPECT_EQ(reader.total(), 3U);
}

TEST(BodyReader, TakesChunksApart) {
  const Outcome outcome = read_chunked("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET /");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.data, "abc0123456789");
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.consumed, 28U) << "nothing of the next request";
}

TEST(BodyReader, TakesAnyNumberOfChunks) {
  std::string body;
  for (int i = 0; i < 40; ++i) body += "1\r\na\r\n";
  EXPECT_EQ(read_chunked(body + "0\r\n\r\n").data, std::string(40, 'a'));
}

TEST(BodyReader, HandsOutDataWithoutCopyingIt) {
  BodyReader reader(Framing::kChunked, 0, Blame::kCaller);
  const std::string input = "5\r\nabcde\r\n0\r\n\r\n";
  const auto step = reader.next(input);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->data.data(), input.data() + 3);
  EXPECT_EQ(step->consumed, 8U);
}

TEST(BodyReader, TakesSizesInHexOfEitherCaseWithZerosInFront) {
  EXPECT_EQ(read_chunked("00a\r\n0123456789\r\n000\r\n\r\n").data, "0123456789");
  EXPECT_EQ(read_chunked("0A\r\n0123456789\r\n0\r\n\r\n").data, "0123456789");
}

TEST(BodyReader, RefusesSizesThatAreNoHexNumbers) {
  for (const char* body : {"\r\n", ";x\r\n", "g\r\n", "0x3\r\nabc\r\n", "-1\r\n", "+3\r\nabc\r\n",
                           " 3\r\nabc\r\n", "3 \r\nabc\r\n", "3\t\r\nabc\r\n", "3_0\r\n", "3\rabc",
                           "3\nabc\n0\n\n", "\n", "3,\r\n", "3 ;x\r\nabc\r\n"}) {
    EXPECT_NE(read_chunked(body).error, "") << body;
  }
  EXPECT_NE(read_chunked("3\0\r\nabc\r\n"s).error, "");
}

TEST(BodyReader, RefusesSizesOfMoreThanFifteenDigits) {
  EXPECT_EQ(read_chunked("fffffffffffffff\r\nabc").error, "");
  EXPECT_EQ(read_chunked("000000000000003\r\nabc\r\n0\r\n\r\n").data, "abc");
  EXPECT_EQ(read_chunked("0000000000000003\r\nabc\r\n0\r\n\r\n").error, "a chunk size is too large");
  EXPECT_EQ(read_chunked("ffffffffffffffff\r\nabc").error, "a chunk size is too large");
  EXPECT_EQ(read_chunked("10000000000000003\r\nabc\r\n").error, "a chunk size is too large");
}

TEST(BodyReader, DropsExtensions) {
  const Outcome outcome = read_chunked("3;a=b \t; c = \"d;\\\"e\xC3\xA9\" ;f\r\nabc\r\n0;last\r\n\r\n");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.data, "abc");
}

TEST(BodyReader, BoundsExtensionsByTheChunk) {
  const std::string most = "1;" + std::string(256, 'x') + "\r\na\r\n";
  EXPECT_EQ(read_chunked(most + most + most + "0\r\n\r\n").data, "aaa");
  EXPECT_EQ(read_chunked("1;" + std::string(257, 'x') + "\r\na\r\n").error, "a chunk extension is too long");
}

TEST(BodyReader, RefusesBareLfAndControlBytesInExtensions) {
  EXPECT_NE(read_chunked("3;a\nabc\r\n0\r\n\r\n").error, "");
  EXPECT_NE(read_chunked("3;a\rb\r\nabc\r\n").error, "");
  EXPECT_NE(read_chunked("3;\x01\r\nabc\r\n").error, "");
  EXPECT_NE(read_chunked("3;\0\r\nabc\r\n"s).error, "");
}

// A reader that knows quotes may look for the end of the line behind the one that closes them.
TEST(BodyReader, RefusesExtensionsThatBreakTheGrammar) {
  for (const char* const extension : {"",          " ",        ";",   "a;",        ";a",    "=b",
                                      "a=",        "a= ",      "a ",  "a=b ",      "\"a\"", "a=\"b",
                                      "a=\"b\\\"", "a=\"b\"c", "a b", "a,b",       "a=b c", "a=b=c",
                                      "a=\"b\" ",  "a=b,c",    "(a)", "a=\xC3\xA9"}) {
    EXPECT_NE(read_chunked("3;" + std::string(extension) + "\r\nabc\r\n0\r\n\r\n").error, "") << extension;
  }
}

TEST(BodyReader, RefusesDataThatIsNotFollowedByCrLf) {
  EXPECT_NE(read_chunked("3\r\nabcd\r\n0\r\n\r\n").error, "");
  EXPECT_NE(read_chunked("3\r\nabc\n0\r\n\r\n").error, "");
  EXPECT_NE(read_chunked("3\r\nabc\r0\r\n\r\n").error, "");
  EXPECT_NE(read_chunked("3\r\nabc0\r\n\r\n").error, "");
  EXPECT_NE(read_chunked("3\r\nabcX\n0\r\n\r\n").error, "");
  EXPECT_NE(read_chunked("3\r\nabc\rX0\r\n\r\n").error, "");
}

TEST(BodyReader, ReadsAndDropsTrailers) {
  const Outcome outcome = read_chunked("1\r\na\r\n0\r\nX-Sum: 1\r\nAuthorization: fake\r\n\r\nrest");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.data, "a");
  EXPECT_TRUE(outcome.done);
}

TEST(BodyReader, RefusesTrailersThatAreNoFieldLines) {
  for (const char* trailers : {"GET / HTTP/1.1\r\n\r\n", "nocolon\r\n\r\n", ": v\r\n\r\n",
                               " folded: v\r\n\r\n", "A: b\r\n c\r\n\r\n", "A : b\r\n\r\n", "A: b\n\r\n",
                               "A: b\rC: d\r\n\r\n", "A: \x01\r\n\r\n", "\n", "\rX", "A: b\r\n\n"}) {
    EXPECT_NE(read_chunked("0\r\n"s + trailers).error, "") << trailers;
  }
}

TEST(BodyReader, BoundsTrailers) {
  const std::string line = "A: " + std::string(4091, 'x') + "\r\n";  // 4096 bytes
  EXPECT_TRUE(read_chunked("0\r\n" + line + line + "\r\n").done);
  EXPECT_EQ(read_chunked("0\r\n" + line + line + "B").error, "the trailers are too large");
}

TEST(BodyReader, RefusesABodyThatEndsEarlyAndBlamesTheSender) {
  BodyReader length(Framing::kLength, 5, Blame::kCaller);
  ASSERT_TRUE(length.next("abc").has_value());
  const auto cut = length.end_of_input();
  ASSERT_FALSE(cut.has_value());
  EXPECT_EQ(cut.error().code(), Code::kBadRequest);
  EXPECT_EQ(cut.error().blame(), Blame::kCaller);

  BodyReader chunked(Framing::kChunked, 0, Blame::kUpstream);
  ASSERT_TRUE(chunked.next("3\r\nabc\r\n").has_value());
  const auto cut_upstream = chunked.end_of_input();
  ASSERT_FALSE(cut_upstream.has_value());
  EXPECT_EQ(cut_upstream.error().code(), Code::kUpstreamFailed);
  EXPECT_EQ(cut_upstream.error().blame(), Blame::kUpstream);
  const auto odd = BodyReader(Framing::kChunked, 0, Blame::kUpstream).next("x");
  ASSERT_FALSE(odd.has_value());
  EXPECT_EQ(odd.error().code(), Code::kUpstreamFailed);
}

TEST(ChunkHead, IsTheSizeInHex) {
  std::array<char, kChunkHeadSize> out;
  const auto head = [&](std::uint64_t size) { return std::string(out.data(), write_chunk_head(size, out)); };
  EXPECT_EQ(head(0), "0\r\n");
  EXPECT_EQ(head(15), "f\r\n");
  EXPECT_EQ(head(16), "10\r\n");
  EXPECT_EQ(head(0x1A2B), "1a2b\r\n");
  EXPECT_EQ(head(UINT64_MAX), "ffffffffffffffff\r\n");
}

TEST(ChunkHead, IsReadBackByTheReader) {
  std::array<char, kChunkHeadSize> out;
  const std::string data(5000, 'x');
  const std::string body = std::string(out.data(), write_chunk_head(data.size(), out)) + data +
                           std::string(kChunkTail) + std::string(kLastChunk);
  const Outcome outcome = read_chunked(body);
  EXPECT_EQ(outcome.data, data);
  EXPECT_EQ(outcome.consumed, body.size());
}

}  // namespace
}  // namespace claviger::http
