// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "audit/log.h"
#include "audit/reader.h"
#include "audit/verify.h"
#include "crypto/testing/routed_arena.h"
#include "net/testing/loop_fixture.h"
#include "registry/stored_registry.h"
#include "store/testing/memory_store.h"
#include "vault/testing/throwaway_keys.h"

namespace claviger::registry {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

base::SecretArena& arena = crypto::testing::routed_arena();
const Actor kAdmin{.principal = "admin", .key_id = {}, .address = "127.0.0.1", .request_id = "r1"};

// A registry over a store in memory and an audit log on disk. start() is what a new process does.
class RotateAuditKeyTest : public ::testing::Test, public net::testing::LoopFixture {
 protected:
  RotateAuditKeyTest() {
    std::string pattern = (fs::temp_directory_path() / "clv-registry-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    store::testing::MemoryStore store(disk_);
    const auto keys = keys_.open();
    store::Batch batch;
    batch.meta.push_back({std::string(kKeyringMeta), keys_.keyring()});
    vault::RecordGuard guard(*keys);
    seal_events(*keys, {.revision = 1}, {R"({"type":"test.begun"})"}, batch.outbox);
    EXPECT_TRUE(guard.protect_first(batch).has_value());
    EXPECT_TRUE(store.commit(batch).has_value());
    start();
  }
  ~RotateAuditKeyTest() override {
    stop();
    fs::remove_all(directory_);
  }

  void start() {
    store_ = std::make_unique<store::testing::MemoryStore>(disk_);
    vault_ = std::move(*vault::open_key_holder(keys_.master(), **store_->find_meta(kKeyringMeta), arena));
    signer_.emplace(*vault_, vault_->signing_key());
    next_signer_.reset();
    if (const auto next = vault_->next_signing_key()) next_signer_.emplace(*vault_, *next);
    audit::LogOptions options;
    options.directory = directory_ + "/audit";
    options.origin = "claviger/test";
    options.window = std::chrono::milliseconds(4);
    auto log =
        audit::Log::open(std::move(options), *signer_, clock_, next_signer_ ? &*next_signer_ : nullptr);
    ASSERT_TRUE(log.has_value()) << log.error().what();
    log_ = *std::move(log);
    thread_ = std::make_unique<net::BackgroundThread>(loop(), "test-store");
    registry_ = std::make_unique<StoredRegistry>(
        RegistryParts{loop(), *thread_, *store_, *vault_, *process_key_, clock_, operator_log_,
                      log_->make_lane(), log_->last_outbox(), log_.get()});
    ASSERT_TRUE(registry_->load({}).has_value());
    registry_->start({});
  }
  void stop() {
    if (registry_) EXPECT_TRUE(run_until([&] { return registry_->is_idle(); }));
    log_.reset();
    thread_.reset();
    registry_.reset();
  }

  Result<AuditKeyRotation> rotate(const Actor& actor = kAdmin) {
    return finish(registry_->rotate_audit_key(actor));
  }
  std::string text() const {
    const auto piece = audit::read_last_lines(directory_ + "/audit", 1000);
    return piece.has_value() ? piece->lines : "";
  }
  bool verifies(const std::string& key) const {
    return audit::verify_log({.directory = directory_ + "/audit", .key = key, .progress = nullptr})
        .has_value();
  }

  std::string directory_;
  SystemClock clock_;
  telemetry::Log operator_log_{telemetry::Level::kError, -1, clock_};
  std::shared_ptr<store::testing::MemoryDisk> disk_ = std::make_shared<store::testing::MemoryDisk>();
  vault::testing::ThrowawayKeys keys_{arena};
  std::unique_ptr<vault::ProcessKey> process_key_ = vault::ProcessKey::create(arena).value();
  std::unique_ptr<store::testing::MemoryStore> store_;
  std::unique_ptr<vault::KeyHolder> vault_;
  std::optional<VaultSigner> signer_, next_signer_;
  std::unique_ptr<StoredRegistry> registry_;
  std::unique_ptr<net::BackgroundThread> thread_;
  std::unique_ptr<audit::Log> log_;
};

TEST_F(RotateAuditKeyTest, SignsWithANewKeyAndSaysWhoAskedForIt) {
  const std::string before = log_->verifier_key();
  const auto rotated = rotate();
  ASSERT_TRUE(rotated.has_value()) << rotated.error().what();
  EXPECT_TRUE(rotated->is_finished);
  EXPECT_EQ(rotated->from, before);
  EXPECT_EQ(rotated->to, log_->verifier_key());
  EXPECT_NE(rotated->to, before);
  EXPECT_EQ(vault_->next_signing_key(), std::nullopt);
  EXPECT_EQ(log_->verifier_key_of(vault_->signing_key()), rotated->to);
  stop();
  const std::string log = text();
  EXPECT_THAT(log, HasSubstr(R"("type":"audit.key_rotation_begun","actor":"admin")"));
  for (const char* type : {"audit.key_rotated", "audit.key_in_use", "audit.key_retired"})
    EXPECT_THAT(log, HasSubstr(type));
  EXPECT_TRUE(verifies(rotated->from));
  EXPECT_TRUE(verifies(rotated->to));

  start();
  EXPECT_EQ(log_->verifier_key(), rotated->to);
  ASSERT_TRUE(rotate().has_value());
  stop();
  EXPECT_TRUE(verifies(rotated->from));
}

TEST_F(RotateAuditKeyTest, GoesOnAtTheNextStartWithWhatTheStoreHas) {
  const std::string before = log_->verifier_key();
  stop();
  // As a process left it that died once the key was kept.
  vault::NextSigningKey next = *vault_->add_next_signing_key();
  store::Batch batch;
  batch.base = *store_->head();
  batch.meta.push_back({std::string(kKeyringMeta), next.keyring});
  seal_events(*vault_, {.revision = batch.revision()}, {R"({"type":"test.begun"})"}, batch.outbox);
  vault::RecordGuard guard(*vault_);
  ASSERT_TRUE(guard.protect(*store_, batch).has_value());
  ASSERT_TRUE(store_->commit(batch).has_value());
  start();
  EXPECT_EQ(rotate().error().code(), Code::kConflict);
  ASSERT_TRUE(run_until([&] { return registry_->is_idle(); }));
  EXPECT_EQ(vault_->signing_key(), next.key);
  EXPECT_EQ(log_->verifier_key(), log_->verifier_key_of(next.key));
  stop();
  start();
  EXPECT_EQ(vault_->next_signing_key(), std::nullopt);
  stop();
  EXPECT_TRUE(verifies(before));
}

TEST_F(RotateAuditKeyTest, ChangesNothingForWhoeverLostTheRightOrWhenTheStoreIsFull) {
  const std::string before = log_->verifier_key();
  Actor stranger = kAdmin;
  stranger.key_id = "gone";
  EXPECT_EQ(rotate(stranger).error().code(), Code::kUnauthenticated);
  store_->fail_writes(true);
  EXPECT_EQ(rotate().error().code(), Code::kUnavailable);
  EXPECT_EQ(vault_->next_signing_key(), std::nullopt);
  EXPECT_EQ(log_->verifier_key(), before);
  EXPECT_FALSE(log_->is_rotating_key());
  store_->fail_writes(false);
  EXPECT_TRUE(rotate().has_value());
}

}  // namespace
}  // namespace claviger::registry
