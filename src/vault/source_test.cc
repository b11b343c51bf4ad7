// SPDX-License-Identifier: Apache-2.0
#include "vault/source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

// NOLINTBEGIN(concurrency-mt-unsafe): a test has one thread, and the environment is what it is about
namespace claviger::vault {
namespace {

class SecretSource : public ::testing::Test {
 protected:
  SecretSource() {
    auto arena = base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked, .limit = 1 << 20});
    EXPECT_TRUE(arena.has_value());
    arena_ = *std::move(arena);
    key_ = *ProcessKey::create(*arena_);
    sources_ = std::make_unique<SecretSources>(*key_);
    std::string pattern = (std::filesystem::temp_directory_path() / "claviger-source-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~SecretSource() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
    ::unsetenv("CLAVIGER_FAKE_SECRET");
  }

  std::string file(std::string_view content, mode_t mode = 0600) {
    const std::string path = directory_ / "secret";
    std::ofstream(path, std::ios::trunc | std::ios::binary) << content;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return "file:" + path;
  }

  // The secret, or "error: ...".
  std::string read(const std::string& from) {
    auto secret = sources_->read(from);
    if (!secret.has_value()) {
      EXPECT_EQ(secret.error().code(), Code::kInvalid);
      return "error: " + std::string(secret.error().what());
    }
    EXPECT_TRUE(arena_->contains(secret->reveal().data()));
    return std::string(secret->reveal_text());
  }

  bool refuses(const std::string& from, std::string_view saying) {
    const std::string result = read(from);
    return result.starts_with("error: ") && result.find(saying) != std::string::npos;
  }

  std::unique_ptr<base::SecretArena> arena_;
  std::unique_ptr<ProcessKey> key_;
  std::unique_ptr<SecretSources> sources_;
  std::filesystem::path directory_;
};

TEST_F(SecretSource, ReadsAVariableAndErasesItFromTheEnvironment) {
  std::string entry = "CLAVIGER_FAKE_SECRET=fake-secret";  // putenv() uses it in place, as execve() would
  ASSERT_EQ(::putenv(entry.data()), 0);
  EXPECT_EQ(read("env:CLAVIGER_FAKE_SECRET"), "fake-secret");
  EXPECT_EQ(std::getenv("CLAVIGER_FAKE_SECRET"), nullptr);
  EXPECT_EQ(entry.find("fake-secret"), std::string::npos);
}

TEST_F(SecretSource, FindsAnErasedVariableAgainOnReload) {
  ASSERT_EQ(::setenv("CLAVIGER_FAKE_SECRET", "fake-secret\n", 1), 0);
  EXPECT_EQ(read("env:CLAVIGER_FAKE_SECRET"), "fake-secret");
  EXPECT_EQ(read("env:CLAVIGER_FAKE_SECRET"), "fake-secret");
}

TEST_F(SecretSource, RefusesAVariableThatIsMissingOrEmpty) {
  EXPECT_TRUE(refuses("env:CLAVIGER_FAKE_SECRET", "CLAVIGER_FAKE_SECRET is not set"));
  ASSERT_EQ(::setenv("CLAVIGER_FAKE_SECRET", "", 1), 0);
  EXPECT_TRUE(refuses("env:CLAVIGER_FAKE_SECRET", "empty"));
  ASSERT_EQ(::setenv("CLAVIGER_FAKE_SECRET", "\n", 1), 0);
  EXPECT_TRUE(refuses("env:CLAVIGER_FAKE_SECRET", "empty"));
}

// CLAVIGER_FAKE is a prefix of the name of another one.
TEST_F(SecretSource, TakesNoVariableOfALongerName) {
  ASSERT_EQ(::setenv("CLAVIGER_FAKE_SECRET", "fake-secret", 1), 0);
  EXPECT_TRUE(refuses("env:CLAVIGER_FAKE", "not set"));
}

TEST_F(SecretSource, ReadsAFileAnewEachTime) {
  EXPECT_EQ(read(file("fake-one")), "fake-one");
  EXPECT_EQ(read(file("fake-two")), "fake-two");
}

TEST_F(SecretSource, TakesOneLineEndOffAndNoMore) {
  EXPECT_EQ(read(file("fake-secret\n")), "fake-secret");
  EXPECT_EQ(read(file("fake-secret\r\n")), "fake-secret");
  EXPECT_EQ(read(file("fake-secret\n\n")), "fake-secret\n");
  EXPECT_EQ(read(file("fake-secret\r")), "fake-secret\r");
  EXPECT_EQ(read(file("fake-secret ")), "fake-secret ");
}

TEST_F(SecretSource, ReadsAFileThroughALink) {
  const std::string from = file("fake-secret");
  const std::string link = directory_ / "link";
  ASSERT_EQ(::symlink(from.substr(5).c_str(), link.c_str()), 0);
  EXPECT_EQ(read("file:" + link), "fake-secret");
}

TEST_F(SecretSource, RefusesAFileThatOthersMayTouch) {
  for (const mode_t mode : {0640u, 0604u, 0620u, 0602u, 0610u, 0601u}) {
    EXPECT_TRUE(refuses(file("fake-secret", mode), "chmod 0600")) << mode;
  }
  EXPECT_EQ(read(file("fake-secret", 0400)), "fake-secret");
}

TEST_F(SecretSource, RefusesAFileOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make one";
  const std::string from = file("fake-secret");
  ASSERT_EQ(::chown(from.substr(5).c_str(), 12345, 12345), 0);
  EXPECT_TRUE(refuses(from, "belongs to another user"));
}

TEST_F(SecretSource, RefusesWhatIsNoReadableRegularFile) {
  EXPECT_TRUE(refuses("file:" + (directory_ / "missing").string(), "missing"));
  EXPECT_TRUE(refuses("file:" + directory_.string(), "not a regular file"));
  const std::string fifo = directory_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_TRUE(refuses("file:" + fifo, "not a regular file"));
}

TEST_F(SecretSource, RefusesAnEmptyOrOversizedFile) {
  EXPECT_TRUE(refuses(file(""), "empty"));
  EXPECT_TRUE(refuses(file("\n"), "empty"));
  EXPECT_EQ(read(file(std::string(65536, 'x'))).size(), 65536u);
  EXPECT_TRUE(refuses(file(std::string(65537, 'x')), "64 KiB"));
}

// Somebody may have pasted the secret itself where its source belongs.
TEST_F(SecretSource, RefusesOtherFormsWithoutRepeatingThem) {
  for (const std::string& from :
       {std::string(""), std::string("fake-secret"), std::string("env:"), std::string("file:"),
        std::string("env:fake-secret"), std::string("env:1FAKE"), std::string("ENV:FAKE"),
        std::string("env:FAKE=fake-secret"), std::string("vault:fake-secret"),
        "file:/tmp/x" + std::string(1, '\0') + "fake-secret"}) {
    const std::string result = read(from);
    EXPECT_TRUE(result.starts_with("error: ")) << from;
    EXPECT_EQ(result.find("fake-secret"), std::string::npos);
    EXPECT_FALSE(SecretSources::check(from).has_value());
  }
}

TEST_F(SecretSource, LeavesNothingInTheArena) {
  const std::string from = file("fake-secret");
  read(from);
  const std::size_t before = arena_->usage().in_use;
  for (int i = 0; i < 50; ++i) read(from);
  ASSERT_EQ(::setenv("CLAVIGER_FAKE_SECRET", "fake-secret", 1), 0);
  for (int i = 0; i < 50; ++i) read("env:CLAVIGER_FAKE_SECRET");
  EXPECT_EQ(arena_->usage().in_use, before);
}

}  // namespace
}  // namespace claviger::vault
// NOLINTEND(concurrency-mt-unsafe)
