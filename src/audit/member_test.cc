// SPDX-License-Identifier: Apache-2.0
#include "audit/member.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::audit {
namespace {

constexpr std::string_view kLine =
    R"({"v":1,"type":"call.started","path":"/a\"b\\","nested":{"type":"x","list":["}",{"b":[]}]},"last":true})";

TEST(Member, IsFoundAsItStandsThere) {
  EXPECT_EQ(find_member(kLine, "v"), "1");
  EXPECT_EQ(find_member(kLine, "type"), R"("call.started")");
  EXPECT_EQ(find_member(kLine, "path"), R"("/a\"b\\")");
  EXPECT_EQ(find_member(kLine, "nested"), R"({"type":"x","list":["}",{"b":[]}]})");
  EXPECT_EQ(find_member(kLine, "last"), "true");
}

TEST(Member, IsOfTheObjectItselfAndOfNothingInIt) {
  EXPECT_EQ(find_member(kLine, "list"), "");
  EXPECT_EQ(find_member(kLine, "b"), "");
  // A caller's path cannot pass for a member.
  EXPECT_EQ(find_member(R"({"path":"\",\"type\":\"call.finished\"","type":"t"})", "type"), R"("t")");
}

TEST(Member, OfWhatIsNoObjectThereIsNone) {
  for (const std::string text :
       {"", "{", "[]", "{}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a", "{\"a\":\"1}", "a:1"})
    EXPECT_EQ(find_member(text, "a"), "") << text;
}

TEST(Member, IsNotLookedForBeyondTheEndOfALineThatIsCut) {
  const std::string line(kLine);
  for (std::size_t size = 0; size < line.size(); ++size) {
    const std::string_view cut = std::string_view(line).substr(0, size);
    const std::string_view found = find_member(cut, "last");
    EXPECT_EQ(found, "") << size;
  }
}

}  // namespace
}  // namespace claviger::audit
