// SPDX-License-Identifier: Apache-2.0
#include "server/master_key_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "http/testing/answering_peer.h"

namespace claviger::server {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A data directory with the key that is in use, master.key, and a gateway's configuration that names it.
class MasterKeyDeskTest : public ::testing::Test, public http::testing::FetchStand {
 protected:
  MasterKeyDeskTest() {
    std::string pattern = (fs::temp_directory_path() / "clv-desk-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    config_.data_dir = directory_;
    old_id_ = make_key("master.key");
    begin();
  }
  ~MasterKeyDeskTest() override {
    desk_.reset();
    fs::remove_all(directory_);
  }

  // As a process does that starts.
  void begin() {
    desk_.reset();
    keys_.emplace(config_, memory_);
    desk_.emplace(*keys_, loop(), around);
  }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string make_key(const std::string& name) {
    return vault::MasterKey::create_file(path(name), *arena)->id();
  }
  std::string id_in(const std::string& name) {
    return vault::MasterKey::read("file:" + path(name), keys_->secrets(), *arena)->id();
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_))
      names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }
  Result<vault::MasterKey> obtain(const std::string& source = {}) {
    return finish(desk_->obtain(source, old_id_));
  }
  std::string settle(const std::string& new_id, bool remove_old = false) {
    const auto said = finish(desk_->settle({.old_id = old_id_, .new_id = new_id, .remove_old = remove_old}));
    return std::string(said.has_value() ? *said : said.error().what());
  }
  std::string kept() const { return "master.key." + old_id_ + ".old"; }

  std::string directory_, old_id_;
  Config config_;
  SecretMemory memory_{*arena, vault::ProcessKey::create(*arena).value()};
  std::optional<MasterKeys> keys_;
  std::optional<ServerMasterKeys> desk_;
};

TEST_F(MasterKeyDeskTest, ANewKeyWaitsBesideTheOldOneAndTakesItsPlace) {
  const auto key = obtain();
  ASSERT_TRUE(key.has_value()) << key.error().what();
  EXPECT_THAT(files(), ElementsAre("master.key", "master.key.next"));
  EXPECT_EQ(id_in("master.key.next"), key->id());
  EXPECT_TRUE(keys_->find(key->id()).has_value());
  EXPECT_TRUE(keys_->find(old_id_).has_value());
  EXPECT_THAT(settle(key->id()), HasSubstr(kept()));
  EXPECT_THAT(files(), ElementsAre("master.key", kept()));
  EXPECT_EQ(id_in("master.key"), key->id());
  EXPECT_EQ(id_in(kept()), old_id_);
  // No start finds the old one any more, whatever the store says it wants.
  EXPECT_FALSE(keys_->find(old_id_).has_value());
}

TEST_F(MasterKeyDeskTest, GoesOnWhereverItWasInterrupted) {
  for (int step = 0; step < 4; ++step) {
    for (const auto& name : files()) fs::remove(path(name));
    old_id_ = make_key("master.key");
    begin();
    const std::string new_id = obtain()->id();
    if (step > 0) fs::create_hard_link(path("master.key"), path(kept()));
    if (step > 1) fs::rename(path("master.key.next"), path("master.key"));
    if (step > 2) settle(new_id);
    begin();
    settle(new_id);
    EXPECT_THAT(files(), ElementsAre("master.key", kept())) << step;
    EXPECT_EQ(id_in("master.key"), new_id) << step;
    EXPECT_EQ(id_in(kept()), old_id_) << step;
  }
}

TEST_F(MasterKeyDeskTest, RemovesTheOldOneWhereThatWasAskedFor) {
  const std::string new_id = obtain()->id();
  EXPECT_THAT(settle(new_id, true), HasSubstr("was removed"));
  EXPECT_THAT(files(), ElementsAre("master.key"));
  EXPECT_EQ(id_in("master.key"), new_id);
}

TEST_F(MasterKeyDeskTest, NeverTouchesAKeyThatIsNotTheOldOne) {
  const std::string new_id = obtain()->id();
  fs::remove(path("master.key"));
  const std::string strange = make_key("master.key");
  settle(new_id, true);
  EXPECT_EQ(id_in("master.key"), strange);
  EXPECT_EQ(id_in("master.key.next"), new_id);
}

TEST_F(MasterKeyDeskTest, AKeyElsewhereIsNotedUntilItIsDiscarded) {
  const std::string source = "file:" + path("elsewhere.key");
  const std::string new_id = obtain(source)->id();
  EXPECT_EQ(keys_->files().place_of(new_id), source);
  const auto found = keys_->find(new_id);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->is_elsewhere);
  desk_->discard(new_id);
  EXPECT_THAT(files(), ElementsAre("master.key"));
  // One that was there before is used, and not removed.
  const std::string given = make_key("elsewhere.key");
  EXPECT_EQ(obtain(source)->id(), given);
  desk_->discard(given);
  EXPECT_THAT(files(), ElementsAre("elsewhere.key", "master.key"));
  EXPECT_EQ(obtain(source)->id(), given);
  EXPECT_THAT(settle(given), HasSubstr("change master_key.from to " + source));
  EXPECT_THAT(files(), ElementsAre("elsewhere.key", "master.from", kept()));
}

// By a rekey that was killed before the store knew of it.
TEST_F(MasterKeyDeskTest, AKeyThatWasLeftBehindIsTakenByItsNameAlone) {
  const std::string left = make_key("master.key.next");
  const auto refused = obtain();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kConflict);
  EXPECT_THAT(std::string(refused.error().what()), HasSubstr("--to file:" + path("master.key.next")));
  EXPECT_EQ(obtain("file:master.key.next")->id(), left);
  EXPECT_EQ(settle(left).find("change master_key.from"), std::string::npos);
  EXPECT_THAT(files(), ElementsAre("master.key", kept()));
  EXPECT_EQ(id_in("master.key"), left);
}

TEST_F(MasterKeyDeskTest, TheKeyInUseIsNoNewOne) {
  EXPECT_EQ(obtain("file:master.key").error().code(), Code::kConflict);
  fs::copy_file(path("master.key"), path("copy.key"));
  EXPECT_EQ(obtain("file:copy.key").error().code(), Code::kConflict);
  EXPECT_THAT(files(), ElementsAre("copy.key", "master.key"));
}

TEST_F(MasterKeyDeskTest, WhatCannotBeHadLeavesNothingBehind) {
  for (const char* source : {"nowhere", "env:FAKE_DESK_NOT_SET", "passphrase:env:FAKE_DESK_NOT_SET",
                             "passphrase:file:missing", "transit:fake", "file:missing/new.key"})
    EXPECT_FALSE(obtain(source).has_value()) << source;
  ::setenv("FAKE_DESK_PHRASE", "fake weak", 1);
  const auto weak = obtain("passphrase:env:FAKE_DESK_PHRASE");
  ASSERT_FALSE(weak.has_value());
  EXPECT_THAT(std::string(weak.error().what()), HasSubstr("too weak"));
  EXPECT_THAT(files(), ElementsAre("master.key"));
}

// Else who has the old key would only have to put the old keyring back.
TEST_F(MasterKeyDeskTest, TheRecipeOfAPassphraseIsRetiredWithItsKey) {
  std::ofstream(path("phrase")) << "fake passphrase of a test\n";
  fs::permissions(path("phrase"), fs::perms::owner_read | fs::perms::owner_write);
  const std::string first = obtain("passphrase:file:phrase")->id();
  settle(first, true);
  EXPECT_THAT(files(), ElementsAre("master-" + first + ".argon2id", "master.from", "phrase"));
  old_id_ = first;
  const std::string next = obtain("file:master.key")->id();
  EXPECT_TRUE(keys_->find(first).has_value());
  EXPECT_THAT(settle(next), HasSubstr(first + ".argon2id.old"));
  EXPECT_FALSE(keys_->find(first).has_value());
  EXPECT_THAT(files(), ElementsAre("master-" + first + ".argon2id.old", "master.key", "phrase"));
}

}  // namespace
}  // namespace claviger::server
