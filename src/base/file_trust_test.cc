// SPDX-License-Identifier: Apache-2.0
#include "base/file_trust.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace claviger::base {
namespace {

struct FileTrustTest : ::testing::Test {
  FileTrustTest() : fd(::mkstemp(name.data())) {}
  ~FileTrustTest() override {
    ::close(fd);
    ::unlink(name.c_str());
  }
  Result<void> with_mode(mode_t mode) {
    ::fchmod(fd, mode);
    return check_not_writable_by_others(fd, name);
  }
  std::string name = "/tmp/claviger-trust-XXXXXX";
  int fd;
};

TEST_F(FileTrustTest, TakesAFileThatOnlyItsOwnerCanWrite) {
  EXPECT_TRUE(with_mode(0644).has_value());
  EXPECT_TRUE(with_mode(0600).has_value());
}

TEST_F(FileTrustTest, RefusesAFileThatOthersCanWriteAndSaysWhatToDo) {
  for (const mode_t mode : {0664U, 0646U, 0666U}) {
    const auto refused = with_mode(mode);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().what().find("chmod go-w " + name), std::string_view::npos);
  }
}

TEST_F(FileTrustTest, RefusesAFileOfAnotherUser) {
  if (::geteuid() != 0) return;  // only root can give a file away
  ASSERT_EQ(::fchown(fd, 12345, 12345), 0);
  const auto refused = with_mode(0600);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what().find("another user"), std::string_view::npos);
}

}  // namespace
}  // namespace claviger::base
