// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::base {
namespace {

// Writes down what it is told, in one line.
class Notes final : public JsonSink {
 public:
  Result<void> begin_object() override { return note("{"); }
  Result<void> end_object() override { return note("}"); }
  Result<void> begin_array() override { return note("["); }
  Result<void> end_array() override { return note("]"); }
  Result<void> key(std::string_view name) override { return note(std::string(name) + ":"); }
  Result<void> string(std::string_view said) override {
    if (said == "stop") return Error(Code::kTooLarge, Blame::kCaller, "enough");
    return note("'" + std::string(said) + "'");
  }
  Result<void> number(std::string_view said) override { return note("#" + std::string(said)); }
  Result<void> boolean(bool value) override { return note(value ? "yes" : "no"); }
  Result<void> null() override { return note("-"); }

  std::string text;

 private:
  Result<void> note(const std::string& what) {
    text += what + " ";
    return ok();
  }
};

constexpr std::string_view kText =
    "{\"a\\u00fc\": [1, -2.50e3, \"x\\ny\", true, false, null, \"\"], \"b\":{}}\n";
constexpr std::string_view kNotes = "{ a\xc3\xbc: [ #1 #-2.50e3 'x\ny' yes no - '' ] b: { } } ";

TEST(JsonReader, TellsWhatIsThereInOrder) {
  Notes notes;
  ASSERT_TRUE(read_json(kText, notes).has_value());
  EXPECT_EQ(notes.text, kNotes);
}

TEST(JsonReader, ReadsTheSameHoweverItIsCut) {
  for (std::size_t size = 1; size < kText.size(); ++size) {
    Notes notes;
    JsonReader reader(notes);
    for (std::size_t at = 0; at < kText.size(); at += size)
      ASSERT_TRUE(reader.write(kText.substr(at, size)).has_value()) << size << " " << at;
    ASSERT_TRUE(reader.finish().has_value());
    EXPECT_EQ(notes.text, kNotes) << size;
  }
}

TEST(JsonReader, RefusesWhatIsNoJson) {
  for (const std::string_view text : {"", "{", "[1,]", "{\"a\":1}x", "{'a':1}", "[\"\xff\"]", "nul", "[1 2]",
                                      "{\"a\"}", "[\"\\ud800\"]", "01"}) {
    Notes notes;
    const auto read = read_json(text, notes);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code(), Code::kInvalid);
  }
}

TEST(JsonReader, FailsWithWhatTheSinkFailedWith) {
  Notes notes;
  const auto read = read_json("[1, \"stop\", 2]", notes);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Code::kTooLarge);
  EXPECT_EQ(read.error().what(), "enough");
  EXPECT_EQ(notes.text, "[ #1 ");
}

TEST(JsonReader, HoldsToItsLimits) {
  Notes notes;
  EXPECT_FALSE(read_json("[[[1]]]", notes, {.depth = 2}).has_value());
  EXPECT_TRUE(read_json("[[1]]", notes, {.depth = 2}).has_value());
  EXPECT_FALSE(read_json("[\"12345\"]", notes, {.text = 4}).has_value());
  EXPECT_TRUE(read_json("[\"1234\"]", notes, {.text = 4}).has_value());
  EXPECT_FALSE(read_json("[1,2,3]", notes, {.total = 6}).has_value());
  EXPECT_TRUE(read_json("[1,2,3]", notes, {.total = 7}).has_value());
}

TEST(JsonReader, CountsATextThatIsCutAsOne) {
  Notes notes;
  JsonReader reader(notes, {.text = 4});
  ASSERT_TRUE(reader.write("[\"123").has_value());
  EXPECT_FALSE(reader.write("45\"]").has_value());
}

}  // namespace
}  // namespace claviger::base
