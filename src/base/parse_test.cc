// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"

#include <gtest/gtest.h>
#include <array>
#include <initializer_list>
#include <string>

namespace claviger::base {
namespace {

using namespace std::chrono_literals;
using std::string_view_literals::operator""sv;

// Every malformed input is refused with the same code and blame, so that callers can rely on it.
template <class Parse>
void expect_refused(Parse parse, std::initializer_list<std::string_view> wrong) {
  for (const std::string_view text : wrong) {
    const auto parsed = parse(text);
    ASSERT_FALSE(parsed.has_value()) << '"' << text << '"';
    EXPECT_EQ(parsed.error().code(), Code::kInvalid) << text;
    EXPECT_EQ(parsed.error().blame(), Blame::kOperator) << text;
    EXPECT_FALSE(parsed.error().what().empty());
  }
}

TEST(ParseDecimal, ReadsDigitsUpToTheLargest) {
  EXPECT_EQ(*parse_decimal("0"), 0U);
  EXPECT_EQ(*parse_decimal("7"), 7U);
  EXPECT_EQ(*parse_decimal("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(*parse_decimal("65535", 65535), 65535U);
}

TEST(ParseDecimal, RefusesSignsSpacesLeadingZerosAndOverflow) {
  expect_refused([](std::string_view text) { return parse_decimal(text); },
                 {"", "+1", "-1", " 1", "1 ", "1\n", "00", "01", "1_000", "1,000", "0x10", "1e3", "1.0",
                  "18446744073709551616", "99999999999999999999999", "\xd9\xa1", "1\0"sv, "\0"sv});
  EXPECT_FALSE(parse_decimal("65536", 65535).has_value());
  EXPECT_FALSE(parse_decimal("1", 0).has_value());
}

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(*parse_duration("30s"), 30s);
  EXPECT_EQ(*parse_duration("5m"), 5min);
  EXPECT_EQ(*parse_duration("12h"), 12h);
  EXPECT_EQ(*parse_duration("90d"), 90 * 24h);
  EXPECT_EQ(*parse_duration("0s"), 0s);
}

TEST(ParseDuration, ReachesTheLargestAndStopsThere) {
  EXPECT_EQ(parse_duration("9223372036854775807ms")->count(), INT64_MAX);
  EXPECT_EQ(parse_duration("106751991167d")->count(), 106751991167LL * 86400000);
  expect_refused(parse_duration,
                 {"9223372036854775808ms", "106751991168d", "9223372036854776s", "18446744073709551616ms"});
}

TEST(ParseDuration, RefusesAnythingElse) {
  expect_refused(parse_duration, {"", "30", "s", "-1s", "+1s", " 1s", "1s ", "1 s", "01s", "1.5s", "1S",
                                  "1sec", "1us", "1w", "1h30m", "1y", "1s\0"sv});
}

TEST(ParseByteSize, ReadsEveryUnit) {
  EXPECT_EQ(*parse_byte_size("0"), 0U);
  EXPECT_EQ(*parse_byte_size("4096"), 4096U);
  EXPECT_EQ(*parse_byte_size("64KiB"), 65536U);
  EXPECT_EQ(*parse_byte_size("16MiB"), 16U << 20);
  EXPECT_EQ(*parse_byte_size("1GiB"), 1U << 30);
  EXPECT_EQ(*parse_byte_size("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(*parse_byte_size("17179869183GiB"), 17179869183ULL << 30);
}

TEST(ParseByteSize, RefusesAnythingElse) {
  expect_refused(parse_byte_size, {"", "KiB", "64KB", "64kb", "64K", "64 KiB", "064", "-1", "1.5MiB", "64kib",
                                   "1TiB", "18446744073709551616", "17179869184GiB"});
}

TEST(ParseRfc3339, ReadsUtcToTheMicrosecond) {
  using namespace std::chrono;
  EXPECT_EQ(*parse_rfc3339("1970-01-01T00:00:00Z"), WallTime());
  EXPECT_EQ(*parse_rfc3339("2027-01-01T00:00:00Z"), WallTime(sys_days(2027y / 1 / 1)));
  EXPECT_EQ(*parse_rfc3339("2024-02-29T23:59:59.5Z"),
            WallTime(sys_days(2024y / 2 / 29) + 23h + 59min + 59500ms));
  EXPECT_EQ(*parse_rfc3339("2024-02-29T00:00:00.000001Z"), WallTime(sys_days(2024y / 2 / 29) + 1us));
  EXPECT_EQ(*parse_rfc3339("2024-02-29T00:00:00.123456999Z"), WallTime(sys_days(2024y / 2 / 29) + 123456us));
  EXPECT_EQ(*parse_rfc3339("1969-12-31T23:59:59Z"), WallTime(-1s));
}

TEST(ParseRfc3339, RefusesWhatIsNotATimeInUtc) {
  expect_refused(parse_rfc3339, {"",
                                 "Z",
                                 "2027-01-01",
                                 "2027-01-01T00:00:00",
                                 "2027-01-01T00:00:00+00:00",
                                 "2027-01-01T00:00:00+01:00",
                                 "2027-01-01 00:00:00Z",
                                 "2027-01-01t00:00:00Z",
                                 "2027-01-01T00:00:00z",
                                 "2027-1-1T00:00:00Z",
                                 "2027-13-01T00:00:00Z",
                                 "2027-00-01T00:00:00Z",
                                 "2027-02-29T00:00:00Z",
                                 "2027-01-32T00:00:00Z",
                                 "2027-01-00T00:00:00Z",
                                 "2100-02-29T00:00:00Z",
                                 "2027-01-01T24:00:00Z",
                                 "2027-01-01T00:60:00Z",
                                 "2027-01-01T00:00:60Z",
                                 "2027-01-01T00:00:00.Z",
                                 "2027-01-01T00:00:00.1234567890Z",
                                 "2027-01-01T00:00:00.12x4Z",
                                 "2027-01-01T00:00:00,5Z",
                                 "+027-01-01T00:00:00Z",
                                 "-027-01-01T00:00:00Z",
                                 " 2027-01-01T00:00:00Z",
                                 "2027-01-01T00:00:00Z ",
                                 "2027-01-01T00:00:00ZZ",
                                 "2027-01-01T00-00-00Z",
                                 "2027/01/01T00:00:00Z",
                                 "2027-01-01T 0:00:00Z"});
}

TEST(FormatRfc3339, WritesMillisecondsRoundedDown) {
  using namespace std::chrono;
  EXPECT_EQ(format_rfc3339(WallTime(sys_days(2027y / 1 / 1))), "2027-01-01T00:00:00.000Z");
  EXPECT_EQ(format_rfc3339(WallTime(sys_days(2026y / 12 / 31) + 23h + 59min + 59s + 999999us)),
            "2026-12-31T23:59:59.999Z");
  EXPECT_EQ(format_rfc3339(WallTime(-1us)), "1969-12-31T23:59:59.999Z");
}

TEST(FormatRfc3339, ReadsBackAsTheSameTime) {
  for (const std::string_view text :
       {"2026-03-04T05:06:07.089Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"}) {
    EXPECT_EQ(format_rfc3339(*parse_rfc3339(text)), text);
  }
}

TEST(ParseHex, ReadsEitherCaseAndFillsExactly) {
  std::array<std::byte, 3> out{};
  ASSERT_TRUE(parse_hex("00fFAb", out).has_value());
  EXPECT_EQ(out, (std::array{std::byte{0}, std::byte{0xff}, std::byte{0xab}}));
  EXPECT_EQ(format_hex(out), "00ffab");
  EXPECT_TRUE(parse_hex("", {}).has_value());
  EXPECT_EQ(format_hex({}), "");
}

TEST(ParseHex, RefusesOtherLengthsAndDigits) {
  std::array<std::byte, 2> out{};
  const auto parse = [&](std::string_view text) { return parse_hex(text, out); };
  expect_refused(parse, {"", "000", "00000", "000g", "g000", "0x00", "00 0", "+000", "\xff\xff\xff\xff",
                         "000:", "000/", "000@", "000`"});
}

TEST(IsUtf8, AcceptsTheEdgesOfEveryLength) {
  for (const std::string_view text :
       {""sv, "plain"sv, "\0"sv, "\x7f"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv,
        "\xee\x80\x80"sv, "\xef\xbf\xbf"sv, "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv, "a\xc3\xa9z"sv}) {
    EXPECT_TRUE(is_utf8(text)) << format_hex(std::as_bytes(std::span(text)));
  }
}

TEST(IsUtf8, RefusesOverlongSurrogateTruncatedAndStray) {
  for (const std::string_view text :
       {"\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xc2\x41"sv, "\xc2\xc0"sv,
        "\xe0\x9f\xbf"sv, "\xe1\x80"sv, "\xe1\x80\x41"sv, "\xed\xa0\x80"sv, "\xed\xbf\xbf"sv,
        "\xf0\x8f\xbf\xbf"sv, "\xf1\x80\x80"sv, "\xf1\x80\x80\x41"sv, "\xf4\x90\x80\x80"sv,
        "\xf5\x80\x80\x80"sv, "\xff"sv, "ok\xfe"sv}) {
    EXPECT_FALSE(is_utf8(text)) << format_hex(std::as_bytes(std::span(text)));
  }
}

TEST(IsUtf8, AgreesWithTheEncodingOfEveryCodePoint) {
  for (std::uint32_t point = 0x80; point <= 0x110000; ++point) {
    std::string text;
    const auto tail = [&](unsigned shift) { text += static_cast<char>(0x80 | (point >> shift & 0x3f)); };
    if (point < 0x800) {
      text += static_cast<char>(0xc0 | point >> 6);
    } else if (point < 0x10000) {
      text += static_cast<char>(0xe0 | point >> 12);
      tail(6);
    } else {
      text += static_cast<char>(0xf0 | point >> 18);
      tail(12);
      tail(6);
    }
    tail(0);
    const bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    ASSERT_EQ(is_utf8(text), !is_surrogate && point <= 0x10ffff) << point;
  }
}

TEST(IsResourceName, KnowsItsAlphabetAndLength) {
  for (const std::string_view name : {"a"sv, "7f3k9x2m"sv, "openai-main"sv, "a.b_c-d"sv})
    EXPECT_TRUE(is_resource_name(name)) << name;
  EXPECT_TRUE(is_resource_name(std::string(64, 'a')));
  EXPECT_FALSE(is_resource_name(std::string(65, 'a')));
  for (const std::string_view name :
       {""sv, "-a"sv, ".a"sv, "_a"sv, "A"sv, "a/b"sv, "a b"sv, "a\0"sv, "\xc3\xa9"sv, "a\n"sv}) {
    EXPECT_FALSE(is_resource_name(name)) << name;
  }
}

TEST(EqualsIgnoreCase, FoldsAsciiLettersOnly) {
  EXPECT_TRUE(equals_ignore_case("", ""));
  EXPECT_TRUE(equals_ignore_case("Content-Length", "cONTENT-lENGTH"));
  EXPECT_FALSE(equals_ignore_case("a", "ab"));
  EXPECT_FALSE(equals_ignore_case("@", "`"));
  EXPECT_FALSE(equals_ignore_case("[", "{"));
  EXPECT_FALSE(equals_ignore_case("\xc9", "\xe9"));
}

}  // namespace
}  // namespace claviger::base
