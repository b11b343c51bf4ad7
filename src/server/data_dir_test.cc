// SPDX-License-Identifier: Apache-2.0
#include "server/data_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace claviger::server {
namespace {

namespace fs = std::filesystem;

struct DataDirTest : ::testing::Test {
  DataDirTest() {
    std::string name = "/tmp/claviger-data-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~DataDirTest() override { fs::remove_all(path); }
  static std::string read(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static unsigned mode(const std::string& file) {
    struct stat info{};
    ::stat(file.c_str(), &info);
    return info.st_mode & 0777;
  }
  std::string path;
  net::Endpoint listen = *net::parse_endpoint("127.0.0.1:8443");
};

TEST_F(DataDirTest, MakesACertificateOnceAndKeepsIt) {
  const auto first = ensure_certificate(path + "/new/data", listen);
  ASSERT_TRUE(first.has_value()) << first.error().what();
  const std::string certificate = read(first->certificate);
  EXPECT_NE(certificate.find("BEGIN CERTIFICATE"), std::string::npos);
  EXPECT_EQ(mode(first->key), 0600U);
  ASSERT_TRUE(ensure_certificate(path + "/new/data", listen).has_value());
  EXPECT_EQ(read(first->certificate), certificate);
}

TEST_F(DataDirTest, RefusesToMixItsFilesWithOthers) {
  const auto files = ensure_certificate(path, listen);
  fs::remove(files->key);
  const auto mixed = ensure_certificate(path, listen);
  ASSERT_FALSE(mixed.has_value());
  EXPECT_NE(mixed.error().what().find("only some"), std::string_view::npos);
}

TEST_F(DataDirTest, SaysWhatToDoWhenTheDirectoryCannotBeMade) {
  std::ofstream(path + "/file") << "x";
  const auto refused = ensure_certificate(path + "/file/data", listen);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what().find("--data-dir"), std::string_view::npos);
}

TEST_F(DataDirTest, AFileIsWrittenWholeAndItsPermissionsAreThereFromTheStart) {
  ASSERT_TRUE(write_file(path + "/secret", "fake", 0600).has_value());
  EXPECT_EQ(read(path + "/secret"), "fake");
  EXPECT_EQ(mode(path + "/secret"), 0600U);
  ASSERT_TRUE(write_file(path + "/secret", "other", 0600).has_value());
  EXPECT_EQ(read(path + "/secret"), "other");
  EXPECT_FALSE(fs::exists(path + "/secret.new"));
}

}  // namespace
}  // namespace claviger::server
