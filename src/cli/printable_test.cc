// SPDX-License-Identifier: Apache-2.0
#include "cli/printable.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::cli {
namespace {

using std::string_literals::operator""s;

TEST(Printable, LeavesTextOfAnyLanguageAsItIs) {
  EXPECT_EQ(printable("a grant, für Åsa, 日本, 🙂"), "a grant, für Åsa, 日本, 🙂");
}

TEST(Printable, ShowsWhatTerminalsWouldActOn) {
  EXPECT_EQ(printable("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(printable("a\0b\x7f"s), "a\\x00b\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m");  // CSI in one character
  EXPECT_EQ(printable("two\r\nlines\t"), "two\\x0d\\nlines\\t");
}

TEST(Printable, ShowsWhatTurnsTheDirectionOfWriting) {
  EXPECT_EQ(printable("nimda\xe2\x80\xae"), "nimda\\u202e");
  EXPECT_EQ(printable("\xe2\x81\xa6x"), "\\u2066x");
}

TEST(Printable, ShowsBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("\xc0\x80"), "\\xc0\\x80");          // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xe2\x80"), "\\xe2\\x80");          // cut short
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(Printable, EscapesInsideOfJsonSoThatItStaysTheSameDocument) {
  EXPECT_EQ(printable_json("{\"a\":\"\x7f\xc2\x9b\"}\n"), "{\"a\":\"\\u007f\\u009b\"}\n");
  EXPECT_EQ(printable_json("{\"a\":\"\\u001b\"}\n"), "{\"a\":\"\\u001b\"}\n");
}

}  // namespace
}  // namespace claviger::cli
