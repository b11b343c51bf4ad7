// SPDX-License-Identifier: Apache-2.0
#include "cli/resource_documents.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/yaml.h"

namespace claviger::cli {
namespace {

class ResourceDocuments : public ::testing::Test {
 protected:
  ResourceDocuments() : directory_(::testing::TempDir() + "claviger-cli-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(directory_);
  }
  ~ResourceDocuments() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }
  std::string directory_;
};

std::vector<base::Document> documents(std::string_view yaml) { return *server::read_yaml(yaml, "r.yaml"); }
std::string check(std::string_view yaml) {
  const auto checked = check_document(documents(yaml).front());
  return checked.has_value() ? "fine" : std::string(checked.error().what());
}

TEST_F(ResourceDocuments, ReadsFilesAndDirectoriesInOrder) {
  const std::string first = write("z.yaml", "kind: a\n---\n---\nkind: b\n");
  std::filesystem::create_directory(directory_ + "/more");
  write("more/2.yml", "kind: d\n");
  write("more/1.yaml", "kind: c\n");
  write("more/.hidden.yaml", "kind: x\n");
  write("more/notes.txt", "kind: x\n");
  const auto read = read_documents({first, directory_ + "/more"});
  ASSERT_TRUE(read.has_value()) << read.error().what();
  EXPECT_EQ(*apply_body(*read), R"({"resources":[{"kind":"a"},{"kind":"b"},{"kind":"c"},{"kind":"d"}]})");
}

TEST_F(ResourceDocuments, NamesFileAndLineOfWhatIsNoYaml) {
  const auto read = read_documents({write("bad.yaml", "kind: a\nkind: b\n")});
  ASSERT_FALSE(read.has_value());
  EXPECT_TRUE(read.error().what().contains("bad.yaml:2: ")) << read.error().what();
}

TEST_F(ResourceDocuments, RefusesToApplyNothing) {
  EXPECT_FALSE(read_documents({write("empty.yaml", "# nothing\n")}).has_value());
  std::filesystem::create_directory(directory_ + "/none");
  EXPECT_FALSE(read_documents({directory_ + "/none"}).has_value());
  EXPECT_EQ(read_documents({directory_ + "/absent.yaml"}).error().code(), Code::kNotFound);
}

TEST_F(ResourceDocuments, TakesOffWhatTheGatewayAdds) {
  const auto read = read_documents({write(
      "got.yaml", "kind: principal\nname: ci\nstatus: { disabled: false }\nrevision: 7\nupdated_at: x\n")});
  EXPECT_EQ(*apply_body(*read), R"({"resources":[{"kind":"principal","name":"ci"}]})");
}

TEST_F(ResourceDocuments, RefusesMoreThanOneApplyTakes) {
  const std::vector<base::Document> many(kMaxApplied + 1);
  EXPECT_FALSE(apply_body(many).has_value());
}

TEST_F(ResourceDocuments, ChecksWhatCanBeCheckedHere) {
  EXPECT_EQ(check("kind: grant\nprincipal: ci\nupstream: openai\n"), "fine");
  const std::string misspelt = check("kind: grant\nprincipal: ci\nupstream: openai\nmetods: [GET]\n");
  EXPECT_TRUE(misspelt.starts_with("r.yaml:4: ")) << misspelt;
  EXPECT_TRUE(check("kind: grunt\n").starts_with("r.yaml:1: ")) << check("kind: grunt\n");
}

TEST_F(ResourceDocuments, SendsSecretsToCredentialSet) {
  const std::string refused =
      check("kind: credential\nname: main\nupstream: openai\nfrom: env:OPENAI_API_KEY\n");
  EXPECT_TRUE(refused.starts_with("r.yaml:4: ")) << refused;
  EXPECT_TRUE(refused.contains("claviger credential set main")) << refused;
}

TEST_F(ResourceDocuments, LeavesAKeyWithoutItsHashToTheGateway) {
  EXPECT_EQ(check("kind: api_key\nname: 7f3k9x2m\nprincipal: ci\n"), "fine");
}

TEST_F(ResourceDocuments, LeavesCaFilesToTheGateway) {
  EXPECT_EQ(check("kind: upstream\nname: u\nmount: /u\nbase_url: https://u.example\nauth: { kind: bearer }\n"
                  "tls: { ca: /there/only.pem }\n"),
            "fine");
}

TEST_F(ResourceDocuments, SaysWhereTheRefusedResourceStands) {
  const auto applied = documents("kind: a\n---\nkind: b\n---\n# a remark\nkind: c\n");
  EXPECT_EQ(locate_refusal("#3: no upstream 'x'", applied), "r.yaml:6: no upstream 'x'");
  EXPECT_EQ(locate_refusal("#1: line 1: unknown key 'x'", applied), "r.yaml:1: unknown key 'x'");
}

// The gateway gives no number then.
TEST_F(ResourceDocuments, SaysWhereTheOnlyResourceStands) {
  EXPECT_EQ(locate_refusal("no upstream 'x'", documents("# a remark\nkind: a\n")),
            "r.yaml:2: no upstream 'x'");
}

TEST_F(ResourceDocuments, LeavesARefusalOfTheWholeAsItIs) {
  const auto applied = documents("kind: a\n---\nkind: b\n");
  for (const char* detail :
       {"", "too many", "#", "#0: x", "#3: x", "#x: y", "#1", "#18446744073709551617: x"})
    EXPECT_EQ(locate_refusal(detail, applied), detail);
}

}  // namespace
}  // namespace claviger::cli
