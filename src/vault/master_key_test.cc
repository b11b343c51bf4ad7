// SPDX-License-Identifier: Apache-2.0
#include "vault/master_key.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/parse.h"
#include "crypto/testing/routed_arena.h"
#include "vault/source.h"

// NOLINTBEGIN(concurrency-mt-unsafe): a test has one thread, and the environment is what some of it is about
namespace claviger::vault {
namespace {

base::SecretArena& arena = crypto::testing::routed_arena();

// 32 bytes from 0 upwards.
constexpr std::string_view kLine = "clv-master-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

class MasterKeyTest : public ::testing::Test {
 protected:
  MasterKeyTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "claviger-master-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~MasterKeyTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
    ::unsetenv("CLAVIGER_FAKE_MASTER_KEY");
  }

  std::string path(const std::string& name = "master.key") { return directory_ / name; }
  std::string file(std::string_view content, mode_t mode = 0600) {
    std::ofstream(path(), std::ios::trunc | std::ios::binary) << content;
    EXPECT_EQ(::chmod(path().c_str(), mode), 0);
    return "file:" + path();
  }
  Result<MasterKey> read(const std::string& from) { return MasterKey::read(from, sources_, arena); }

  std::filesystem::path directory_;
  std::unique_ptr<ProcessKey> process_ = *ProcessKey::create(arena);
  SecretSources sources_{*process_};
};

TEST_F(MasterKeyTest, ReadsOneLineFromAFile) {
  for (const std::string& line :
       {std::string(kLine), std::string(kLine) + "\n", std::string(kLine) + "\r\n"}) {
    const auto key = read(file(line));
    ASSERT_TRUE(key.has_value());
    EXPECT_EQ(base::format_hex(key->reveal()),
              "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    EXPECT_TRUE(arena.contains(key->reveal().data()));
  }
}

TEST_F(MasterKeyTest, ErasesTheVariableThatItReads) {
  ASSERT_EQ(::setenv("CLAVIGER_FAKE_MASTER_KEY", std::string(kLine).c_str(), 1), 0);
  EXPECT_TRUE(read("env:CLAVIGER_FAKE_MASTER_KEY").has_value());
  EXPECT_EQ(std::getenv("CLAVIGER_FAKE_MASTER_KEY"), nullptr);
}

TEST_F(MasterKeyTest, NamesItselfBySixteenDigitsThatDependOnAllOfIt) {
  EXPECT_EQ(MasterKey::parse(kLine, arena)->id(), "4a404ef6c80e5146");  // never to change: stores name it
  std::string other(kLine);
  other[other.size() - 2] = '4';
  EXPECT_NE(MasterKey::parse(other, arena)->id(), MasterKey::parse(kLine, arena)->id());
}

TEST_F(MasterKeyTest, SaysHowItShouldLookAndNeverQuotesIt) {
  const std::string good(kLine);
  std::string stray_bits = good;
  stray_bits[stray_bits.size() - 2] = '9';
  for (const std::string& line :
       {good.substr(17), "clv-master-key-2:" + good.substr(17), good + "A", good.substr(0, good.size() - 1),
        good + "\n\n", " " + good, good + " ", good.substr(0, good.size() - 4),
        good.substr(0, 20) + "-" + good.substr(21), stray_bits, std::string("clv-master-key-1:"),
        std::string("fake-passphrase"), std::string(60'000, 'A')}) {
    const std::string from = file(line);
    const auto key = read(from);
    ASSERT_FALSE(key.has_value()) << line.substr(0, 100);
    EXPECT_EQ(key.error().code(), Code::kInvalid);
    EXPECT_EQ(key.error().what(),
              from + ": is no master key: that is one line, \"clv-master-key-1:\" and 32 bytes in base64");
  }
}

TEST_F(MasterKeyTest, SaysThatInitMakesTheFileThatIsMissing) {
  const auto key = read("file:" + path());
  ASSERT_FALSE(key.has_value());
  EXPECT_EQ(key.error().code(), Code::kNotFound);
  EXPECT_EQ(key.error().what(),
            "master key: there is no file " + path() +
                ": put it back from where you keep it (a new gateway: `claviger init` makes one)");
}

TEST_F(MasterKeyTest, RefusesAFileThatOthersMayTouch) {
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U}) {
    const auto key = read(file(kLine, mode));
    ASSERT_FALSE(key.has_value());
    EXPECT_NE(key.error().what().find("chmod 0600"), std::string::npos);
  }
}

TEST_F(MasterKeyTest, RefusesOtherSourcesWithoutRepeatingThem) {
  for (const std::string& from : {std::string(kLine), std::string(""), std::string("file:")}) {
    const auto key = read(from);
    ASSERT_FALSE(key.has_value());
    EXPECT_EQ(key.error().what(), "master key: from: a secret's source is env:NAME or file:PATH");
  }
}

TEST_F(MasterKeyTest, MakesAFileThatItReadsBack) {
  const auto made = MasterKey::create_file(path(), arena);
  ASSERT_TRUE(made.has_value());
  const auto read_back = read("file:" + path());
  ASSERT_TRUE(read_back.has_value());
  EXPECT_TRUE(std::ranges::equal(made->reveal(), read_back->reveal()));
  EXPECT_EQ(made->id(), read_back->id());
  EXPECT_NE(MasterKey::create_file(path("other.key"), arena)->id(), made->id());
  std::ifstream stream(path(), std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  EXPECT_EQ(content.size(), kLine.size() + 1);
  EXPECT_EQ(content.back(), '\n');
}

TEST_F(MasterKeyTest, MakesItForItsOwnerAloneWhateverTheUmask) {
  for (const mode_t mask : {0U, 022U, 0777U}) {
    const mode_t before = ::umask(mask);
    const std::string where = path("key-" + std::to_string(mask));
    const auto made = MasterKey::create_file(where, arena);
    ::umask(before);
    ASSERT_TRUE(made.has_value());
    struct stat status{};
    ASSERT_EQ(::stat(where.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
  }
}

TEST_F(MasterKeyTest, NeverWritesOverOrThroughWhatIsThere) {
  const std::string from = file("precious");
  ASSERT_EQ(::symlink(path("elsewhere").c_str(), path("link").c_str()), 0);
  for (const std::string& where : {path(), path("link")}) {
    const auto refused = MasterKey::create_file(where, arena);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), Code::kConflict);
  }
  EXPECT_EQ(std::filesystem::file_size(path()), 8U);
  EXPECT_FALSE(std::filesystem::exists(path("elsewhere")));
}

TEST_F(MasterKeyTest, SaysWhyItCannotBeMade) {
  const auto refused = MasterKey::create_file(path("missing/master.key"), arena);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kIo);
  EXPECT_NE(refused.error().what().find("No such file"), std::string::npos);
}

// /dev/full is not creatable, so a limit on the file's size stands for the full disk.
TEST_F(MasterKeyTest, LeavesNoHalfOfAFileBehind) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a forked child has no arena
  EXPECT_EXIT(
      {
        std::signal(SIGXFSZ, SIG_IGN);
        struct rlimit none{};
        none.rlim_cur = none.rlim_max = 10;
        ::setrlimit(RLIMIT_FSIZE, &none);
        const auto refused = MasterKey::create_file(path(), arena);
        const bool is_gone = std::filesystem::is_empty(directory_);
        std::filesystem::remove_all(directory_);
        std::_Exit(!refused.has_value() && is_gone ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(MasterKeyTest, GivesBackWhatItTookOfTheArena) {
  const std::size_t before = arena.usage().in_use;
  for (int round = 0; round < 20; ++round) {
    static_cast<void>(read(file(kLine)));
    static_cast<void>(read(file("fake-passphrase")));
    static_cast<void>(MasterKey::create_file(path("key-" + std::to_string(round)), arena));
  }
  EXPECT_EQ(arena.usage().in_use, before);
}

}  // namespace
}  // namespace claviger::vault
// NOLINTEND(concurrency-mt-unsafe)
