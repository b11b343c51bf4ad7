// SPDX-License-Identifier: Apache-2.0
#include "server/master_key_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "server/key_source.h"
#include "telemetry/redact.h"

namespace claviger::server {
namespace {

namespace fs = std::filesystem;

class MasterKeyFilesTest : public ::testing::Test {
 protected:
  MasterKeyFilesTest() {
    std::string pattern = (fs::temp_directory_path() / "clv-keys-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~MasterKeyFilesTest() override { fs::remove_all(directory_); }

  std::string directory_;
  MasterKeyFiles files_{directory_};
};

constexpr const char* kOne = "0011223344556677";
constexpr const char* kOther = "8899aabbccddeeff";

TEST_F(MasterKeyFilesTest, RemembersWhereKeysComeFrom) {
  EXPECT_EQ(files_.place_of(kOne), std::nullopt);
  ASSERT_TRUE(files_.note({kOne, "file:/fake/a b.key"}).has_value());
  ASSERT_TRUE(files_.note({kOther, "passphrase:env:FAKE"}).has_value());
  EXPECT_EQ(files_.place_of(kOne), "file:/fake/a b.key");
  EXPECT_EQ(files_.place_of(kOther), "passphrase:env:FAKE");
  ASSERT_TRUE(files_.note({kOne, "env:FAKE"}).has_value());
  EXPECT_EQ(files_.place_of(kOne), "env:FAKE");
  ASSERT_TRUE(files_.forget_places_but(kOther).has_value());
  EXPECT_EQ(files_.place_of(kOne), std::nullopt);
  EXPECT_EQ(files_.place_of(kOther), "passphrase:env:FAKE");
  ASSERT_TRUE(files_.forget(kOther).has_value());
  EXPECT_FALSE(file_exists(directory_ + "/master.from"));
  EXPECT_TRUE(files_.forget_places_but("").has_value());
}

TEST_F(MasterKeyFilesTest, BelievesNoNoteThatIsNone) {
  for (const char* text :
       {"", "0011223344556677\n", "0011223344556677 \n", "0011223344556677 nowhere\n", "short env:A\n"}) {
    std::ofstream(directory_ + "/master.from") << text;
    ::chmod((directory_ + "/master.from").c_str(), 0600);
    EXPECT_EQ(files_.place_of(kOne), std::nullopt) << text;
  }
}

TEST_F(MasterKeyFilesTest, WritesWhatNobodyElseMayRead) {
  ASSERT_TRUE(files_.write(files_.recipe(kOne), "fake recipe").has_value());
  EXPECT_EQ(*files_.read(files_.recipe(kOne)), "fake recipe");
  struct stat status{};
  ASSERT_EQ(::stat(files_.recipe(kOne).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(files_.read(files_.wrapped(kOne)).error().code(), Code::kNotFound);
  EXPECT_EQ(MasterKeyFiles("/proc/fake").write("/proc/fake/x", "y").error().code(), Code::kUnavailable);
  EXPECT_TRUE(remove_file(files_.recipe(kOne)).has_value());
  EXPECT_TRUE(remove_file(files_.recipe(kOne)).has_value());
}

TEST(KeySourceTest, KnowsFourForms) {
  using Type = KeySource::Type;
  const auto parse = [](std::string_view text) { return KeySource::parse(text, "/data").value(); };
  EXPECT_EQ(parse("file:master.key").text, "file:/data/master.key");
  EXPECT_EQ(parse("file:/a/b").what, "/a/b");
  EXPECT_EQ(parse("env:FAKE").type, Type::kEnvironment);
  EXPECT_EQ(parse("env:FAKE").what, "FAKE");
  EXPECT_EQ(parse("passphrase:file:x").text, "passphrase:file:/data/x");
  EXPECT_EQ(parse("passphrase:env:FAKE").what, "env:FAKE");
  EXPECT_EQ(parse("transit:claviger").type, Type::kTransit);
  EXPECT_EQ(parse("transit:claviger").what, "claviger");
}

TEST(KeySourceTest, NeverRepeatsWhatMayBeAKey) {
  for (const char* text :
       {"", "file:", "env:", "env:1", "passphrase:", "passphrase:fake words", "transit:", "transit:a/b",
        "transit:..", "clv-master-key-1:fake", "file:a\nb", "passphrase:transit:x"}) {
    const auto parsed = KeySource::parse(text, "/data");
    ASSERT_FALSE(parsed.has_value()) << text;
    const std::string_view said = parsed.error().what();
    EXPECT_EQ(
        said,
        "must be file:PATH, env:NAME, transit:KEY, or one of the first two after the word passphrase and "
        "a colon");
    EXPECT_EQ(telemetry::redact(said), said);
  }
}

}  // namespace
}  // namespace claviger::server
