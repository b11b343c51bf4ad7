// SPDX-License-Identifier: Apache-2.0
#include "server/resource_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace claviger::server {
namespace {

class ResourceFiles : public ::testing::Test {
 protected:
  ResourceFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "claviger-resources-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~ResourceFiles() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::string write(const std::string& name, std::string_view content, mode_t mode = 0644) {
    const std::string path = directory_ / name;
    std::ofstream(path, std::ios::trunc | std::ios::binary) << content;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }

  static std::string principal(const std::string& name) { return "kind: principal\nname: " + name + "\n"; }

  // Names of the principals, each followed by a space; "error: ..." with the directory's own path taken off.
  std::string read() {
    const auto resources = read_resources(directory_);
    std::string result;
    if (!resources.has_value()) {
      result = "error: " + std::string(resources.error().what());
      for (std::size_t at; (at = result.find(directory_.string() + "/")) != std::string::npos;) {
        result.erase(at, directory_.string().size() + 1);
      }
      return result;
    }
    for (const auto& found : resources->principals) result += found.name + " ";
    return result;
  }

  std::filesystem::path directory_;
};

TEST_F(ResourceFiles, ReadsEveryYamlFileInTheOrderOfNames) {
  write("b.yml", principal("two"));
  write("a.yaml", principal("one") + "---\n" + principal("one-more") + "---\n");
  write("c.yaml", "# nothing yet\n");
  write("notes.txt", "not: [yaml");
  EXPECT_EQ(read(), "one one-more two ");
}

// A ConfigMap's mount: files are links through ..data to a directory with a time stamp.
TEST_F(ResourceFiles, ReadsAKubernetesMount) {
  std::filesystem::create_directory(directory_ / "..2027_01_01");
  write("..2027_01_01/a.yaml", principal("one"));
  std::filesystem::create_symlink("..2027_01_01", directory_ / "..data");
  std::filesystem::create_symlink("..data/a.yaml", directory_ / "a.yaml");
  write(".hidden.yaml", "not: [yaml");
  EXPECT_EQ(read(), "one ");
}

TEST_F(ResourceFiles, NamesFileAndLineOfWhatIsWrong) {
  write("a.yaml", principal("one"));
  write("b.yaml", principal("two") + "---\nkind: principal\nname: three\ncolour: red\n");
  EXPECT_EQ(read().substr(0, 16), "error: b.yaml:6:");
  write("b.yaml", "a: [1\n");
  EXPECT_EQ(read().substr(0, 14), "error: b.yaml:");
}

TEST_F(ResourceFiles, RefusesAFileThatOthersMayWrite) {
  for (const mode_t mode : {0664u, 0646u, 0666u}) {
    write("a.yaml", principal("one"), mode);
    EXPECT_EQ(read().substr(0, 60), "error: a.yaml: too open: group or others may write it; chmod") << mode;
  }
  write("a.yaml", principal("one"), 0600);
  EXPECT_EQ(read(), "one ");
}

TEST_F(ResourceFiles, RefusesADirectoryOrFifoInPlaceOfAFile) {
  std::filesystem::create_directory(directory_ / "a.yaml");
  EXPECT_EQ(read(), "error: a.yaml: not a regular file");
  std::filesystem::remove(directory_ / "a.yaml");
  ASSERT_EQ(::mkfifo((directory_ / "a.yaml").c_str(), 0600), 0);
  EXPECT_EQ(read(), "error: a.yaml: not a regular file");
}

TEST_F(ResourceFiles, RefusesADirectoryWithoutResources) {
  EXPECT_NE(read().find("no resource in it"), std::string::npos);
  write("a.yaml", "---\n---\n");
  EXPECT_NE(read().find("no resource in it"), std::string::npos);
  const auto missing = read_resources(directory_ / "missing");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_NE(missing.error().what().find("missing"), std::string_view::npos);
}

TEST_F(ResourceFiles, ReadsTextUpToItsLimit) {
  const std::string path = write("config.yaml", "0123456789");
  EXPECT_EQ(*read_text_file(path, 10), "0123456789");
  EXPECT_FALSE(read_text_file(path, 9).has_value());
  EXPECT_EQ(*read_text_file(write("empty", ""), 10), "");
  EXPECT_EQ(read_text_file(path + "x", 10).error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace claviger::server
