// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/json.h"
#include "crypto/testing/routed_arena.h"
#include "net/testing/loop_fixture.h"
#include "registry/rekey_mark.h"
#include "registry/stored_registry.h"
#include "registry/testing/memory_lane.h"
#include "store/testing/memory_store.h"
#include "vault/testing/throwaway_keys.h"

namespace claviger::registry {
namespace {

using policy::Kind;
using ::testing::HasSubstr;

base::SecretArena& arena = crypto::testing::routed_arena();
const Actor kAdmin{.principal = "admin", .key_id = {}, .address = "127.0.0.1", .request_id = "r1"};

vault::MasterKey again(const vault::MasterKey& key) {
  return *vault::MasterKey::of(*base::SecretBytes::copy_of(arena, key.reveal()), arena);
}

// Keeps every key it ever gave, as a disk would.
class FakeDesk final : public MasterKeyDesk {
 public:
  net::Task<Result<vault::MasterKey>> obtain(std::string source, std::string) override {
    sources.push_back(source);
    if (failure) co_return *failure;
    vault::MasterKey key = *vault::MasterKey::draw(arena);
    keys.push_back(again(key));
    co_return std::move(key);
  }
  void discard(const std::string& id) noexcept override { discarded.push_back(id); }
  net::Task<Result<std::string>> settle(Replaced replaced) override {
    if (settle_failures > 0 && settle_failures-- > 0)
      co_return Error(Code::kUnavailable, Blame::kOperator, "the disk is made to fail");
    settled.push_back(std::move(replaced));
    co_return std::string("kept");
  }

  std::vector<vault::MasterKey> keys;
  std::vector<std::string> sources, discarded;
  std::vector<Replaced> settled;
  std::optional<Error> failure;
  int settle_failures = 0;
};

// A registry over a store in memory. start() is what a new process does.
class RekeyTest : public ::testing::Test, public net::testing::LoopFixture {
 protected:
  RekeyTest() {
    desk_.keys.push_back(again(first_.master()));
    store::testing::MemoryStore store(disk_);
    const auto keys = first_.open();
    store::Batch batch;
    batch.meta.push_back({std::string(kKeyringMeta), first_.keyring()});
    vault::RecordGuard guard(*keys);
    seal_events(*keys, {.revision = 1}, {R"({"type":"test.begun"})"}, batch.outbox);
    EXPECT_TRUE(guard.protect_first(batch).has_value());
    EXPECT_TRUE(store.commit(batch).has_value());
    start();
  }
  ~RekeyTest() override { stop(); }

  const vault::MasterKey& key(std::string_view id) const {
    for (const vault::MasterKey& each : desk_.keys)
      if (each.id() == id) return each;
    ADD_FAILURE() << id;
    return desk_.keys.front();
  }
  void start() {
    store_ = std::make_unique<store::testing::MemoryStore>(disk_);
    const auto keyring = **store_->find_meta(kKeyringMeta);
    vault_ = *vault::open_key_holder(again(key(*vault::keyring_master_id(keyring))), keyring, arena);
    const RekeyMark mark = *peek_rekey_mark(*store_);
    if (mark.phase == RekeyMark::Phase::kRewrapping && has_next_)
      ASSERT_TRUE(vault_->hold_next_master_key(key(mark.new_id)).has_value());
    thread_ = std::make_unique<net::BackgroundThread>(loop(), "test-store");
    registry_ = std::make_unique<StoredRegistry>(RegistryParts{
        loop(), *thread_, *store_, *vault_, *process_key_, clock_, log_, lane_, in_log_, nullptr, &desk_});
    ASSERT_TRUE(registry_->load({}).has_value());
    registry_->start([this](std::shared_ptr<const gateway::World>, std::function<void()> everywhere) {
      loop().post(std::move(everywhere));
    });
  }
  // As a process that is told to end.
  void stop() {
    if (!registry_) return;
    registry_->stop_long_work();
    EXPECT_TRUE(run_until([&] { return registry_->is_idle(); }));
    for (const std::uint64_t number : lane_.outbox()) in_log_ = std::max(in_log_, number);
    thread_.reset();
    registry_.reset();
  }

  Change document(std::string_view json) {
    Change change;
    change.document = base::parse_json(json, "test").value();
    base::ObjectReader reader = base::ObjectReader::of(change.document, "test").value();
    change.kind = *policy::parse_kind(*reader.required_string("kind"));
    change.name = *reader.required_string("name");
    return change;
  }
  void must(Change change) {
    std::vector<Change> changes;
    changes.push_back(std::move(change));
    const auto outcome = finish(registry_->change(kAdmin, std::move(changes), false));
    ASSERT_TRUE(outcome.has_value()) << outcome.error().what();
  }
  void set(const std::string& name, std::string_view secret) {
    Change change{.verb = Verb::kSetSecret, .kind = Kind::kCredential, .name = name};
    change.secret = base::SecretBytes::copy_of(arena, std::as_bytes(std::span(secret))).value();
    must(std::move(change));
  }
  void make_credentials(int count) {
    std::vector<Change> documents, secrets;
    documents.push_back(
        document(R"({"kind":"upstream","name":"api","mount":"/api","base_url":"https://api.test",)"
                 R"("auth":{"kind":"bearer"}})"));
    for (int i = 0; i < count; ++i) {
      const std::string name = "c" + std::to_string(i), secret = "fake-secret-of-" + name;
      documents.push_back(document(R"({"kind":"credential","name":")" + name + R"(","upstream":"api"})"));
      Change set{.verb = Verb::kSetSecret, .kind = Kind::kCredential, .name = name};
      set.secret = base::SecretBytes::copy_of(arena, std::as_bytes(std::span(secret))).value();
      secrets.push_back(std::move(set));
    }
    ASSERT_TRUE(finish(registry_->change(kAdmin, std::move(documents), false)).has_value());
    ASSERT_TRUE(finish(registry_->change(kAdmin, std::move(secrets), false)).has_value());
  }

  Result<RekeyState> rekey(RekeyRequest request = {}) {
    return finish(registry_->rekey(kAdmin, std::move(request)));
  }
  bool is_finished() const {
    const auto state = registry_->rekey_state();
    return state && state->phase == RekeyState::Phase::kFinished;
  }
  void finish_rekey() {
    ASSERT_TRUE(run_until([&] { return is_finished(); })) << registry_->rekey_state()->failure;
  }
  // The ids of the keys that envelopes are under.
  std::set<std::string> ids() const {
    std::set<std::string> all;
    for (const auto& [key, record] : disk_->state.records)
      if (!record.sealed.empty()) all.insert(vault::envelope_master_id(record.sealed).value_or("none"));
    return all;
  }
  std::size_t usable() const {
    const auto at = registry_->world()->policy->find_upstream("api");
    return at ? (*registry_->world()->upstreams)[*at]->credentials.size() : 0;
  }
  std::string events() const {
    std::string all;
    for (const std::string& event : lane_.events()) all += event + "\n";
    return all;
  }

  SystemClock clock_;
  telemetry::Log log_{telemetry::Level::kError, -1, clock_};
  std::shared_ptr<store::testing::MemoryDisk> disk_ = std::make_shared<store::testing::MemoryDisk>();
  vault::testing::ThrowawayKeys first_{arena};
  FakeDesk desk_;
  bool has_next_ = true;  // the next key lies where a start finds it
  std::unique_ptr<vault::KeyHolder> vault_;
  std::unique_ptr<vault::ProcessKey> process_key_ = vault::ProcessKey::create(arena).value();
  testing::MemoryLane lane_;
  std::uint64_t in_log_ = 0;
  std::unique_ptr<store::testing::MemoryStore> store_;
  std::unique_ptr<StoredRegistry> registry_;
  std::unique_ptr<net::BackgroundThread> thread_;
};

TEST_F(RekeyTest, LeavesNothingThatTheOldKeyOpens) {
  make_credentials(130);
  const auto begun = rekey({.source = "file:/fake", .remove_old = true});
  ASSERT_TRUE(begun.has_value()) << begun.error().what();
  EXPECT_EQ(begun->from, first_.master().id());
  EXPECT_EQ(desk_.sources, std::vector<std::string>{"file:/fake"});
  finish_rekey();
  const auto state = *registry_->rekey_state();
  EXPECT_EQ(state.done, 130U);
  EXPECT_EQ(state.outcome, "kept");
  EXPECT_EQ(ids(), std::set{state.to});
  EXPECT_EQ(*vault::keyring_master_id(disk_->state.meta.find(kKeyringMeta)->second), state.to);
  EXPECT_EQ(vault_->master_key_id(), state.to);
  EXPECT_EQ(*peek_rekey_mark(*store_), RekeyMark());
  ASSERT_EQ(desk_.settled.size(), 1U);
  EXPECT_TRUE(desk_.settled[0].remove_old);
  EXPECT_TRUE(registry_->notices().empty());
  ASSERT_TRUE(run_until([&] { return registry_->is_idle(); }));
  for (const char* type :
       {"vault.rekey_begun", "vault.rekey_progress", "vault.rekey_switched", "vault.rekeyed"})
    EXPECT_THAT(events(), HasSubstr(type));
  EXPECT_THAT(events(), HasSubstr(R"("type":"vault.rekey_begun","actor":"admin")"));

  stop();
  start();
  EXPECT_EQ(usable(), 130U);
  ASSERT_TRUE(rekey().has_value());
  finish_rekey();
}

TEST_F(RekeyTest, ChangesOfManagementComeInBetween) {
  make_credentials(250);
  ASSERT_TRUE(rekey().has_value());
  const std::string to = registry_->rekey_state()->to;
  set("c7", "fake-secret-another");
  must({.verb = Verb::kDelete, .kind = Kind::kCredential, .name = "c8"});
  must({.verb = Verb::kRevoke, .kind = Kind::kCredential, .name = "c9"});
  must(document(R"({"kind":"credential","name":"late","upstream":"api"})"));
  set("late", "fake-secret-that-came-late");
  finish_rekey();
  EXPECT_EQ(ids(), std::set{to});
  stop();
  start();
  EXPECT_EQ(usable(), 249U);
}

TEST_F(RekeyTest, IsGoneOnWithAtTheNextStartWhereverItStopped) {
  make_credentials(250);
  ASSERT_TRUE(rekey().has_value());
  const std::string to = registry_->rekey_state()->to;
  int starts = 0;
  // Each start gets as far as its first commit or two.
  while (registry_->rekey_state() && !is_finished()) {
    ASSERT_LT(++starts, 100);
    const store::Revision before = disk_->state.head;
    ASSERT_TRUE(run_until([&] { return disk_->state.head > before || is_finished(); }));
    stop();
    EXPECT_LE(ids().size(), 2U);
    start();
    EXPECT_EQ(usable(), 250U);
  }
  EXPECT_GE(starts, 3);
  EXPECT_EQ(ids(), std::set{to});
  EXPECT_EQ(*peek_rekey_mark(*store_), RekeyMark());
}

TEST_F(RekeyTest, OnlyOneAtATime) {
  make_credentials(3);
  desk_.settle_failures = 2;
  ASSERT_TRUE(rekey().has_value());
  EXPECT_EQ(rekey().error().code(), Code::kConflict);
  ASSERT_FALSE(registry_->notices().empty());
  EXPECT_THAT(registry_->notices().back().what, HasSubstr("is being replaced"));
  finish_rekey();
  EXPECT_EQ(desk_.settled.size(), 1U);
  EXPECT_EQ(desk_.sources.size(), 1U);
}

TEST_F(RekeyTest, NothingHasBegunWhereItCannotBeWrittenDown) {
  make_credentials(3);
  store_->fail_writes(true);
  EXPECT_EQ(rekey().error().code(), Code::kUnavailable);
  ASSERT_EQ(desk_.discarded.size(), 1U);
  EXPECT_EQ(desk_.discarded[0], desk_.keys.back().id());
  EXPECT_EQ(vault_->next_master_key_id(), std::nullopt);
  EXPECT_FALSE(registry_->rekey_state());
  store_->fail_writes(false);
  desk_.failure = Error(Code::kConflict, Blame::kCaller, "that is the master key in use");
  EXPECT_EQ(rekey().error().code(), Code::kConflict);
  desk_.failure.reset();
  Actor stranger = kAdmin;
  stranger.key_id = "gone";
  EXPECT_EQ(finish(registry_->rekey(stranger, {})).error().code(), Code::kUnauthenticated);
  EXPECT_EQ(ids(), std::set{first_.master().id()});
  ASSERT_TRUE(rekey().has_value());
  finish_rekey();
}

TEST_F(RekeyTest, WaitsForADiskThatIsFullAndGoesOn) {
  make_credentials(120);
  ASSERT_TRUE(rekey().has_value());
  store_->fail_writes(true);
  ASSERT_TRUE(run_until([&] { return !registry_->rekey_state()->failure.empty(); }));
  EXPECT_THAT(registry_->notices().back().what, HasSubstr("IT WAITS"));
  store_->fail_writes(false);
  finish_rekey();
  EXPECT_EQ(ids().size(), 1U);
}

// A commit that was said to have failed, and is there after a crash: the key was thrown away by then.
TEST_F(RekeyTest, ABeginningThatSealedNothingMayLackItsKey) {
  make_credentials(3);
  stop();
  const store::Meta mark = write_rekey_mark(
      *vault_,
      {.phase = RekeyMark::Phase::kRewrapping, .old_id = first_.master().id(), .new_id = "0011223344556677"});
  disk_->state.meta[mark.name] = mark.value;
  has_next_ = false;
  start();
  EXPECT_EQ(usable(), 3U);
  EXPECT_FALSE(registry_->rekey_state());
  ASSERT_FALSE(registry_->notices().empty());
  EXPECT_THAT(registry_->notices().back().what, HasSubstr("0011223344556677, which is not there"));
  ASSERT_TRUE(rekey().has_value());
  finish_rekey();
  EXPECT_TRUE(registry_->notices().empty());
  EXPECT_EQ(ids(), std::set{desk_.keys.back().id()});
  EXPECT_EQ(*peek_rekey_mark(*store_), RekeyMark());
}

// With one envelope under it that key is needed.
TEST_F(RekeyTest, ABeginningThatSealedSomethingMayNot) {
  make_credentials(130);
  ASSERT_TRUE(rekey().has_value());
  ASSERT_TRUE(run_until([&] { return ids().size() == 2; }));
  stop();
  vault_ = first_.open();
  thread_ = std::make_unique<net::BackgroundThread>(loop(), "test-store");
  StoredRegistry registry(RegistryParts{loop(), *thread_, *store_, *vault_, *process_key_, clock_, log_,
                                        lane_, in_log_, nullptr, &desk_});
  const auto loaded = registry.load({});
  ASSERT_FALSE(loaded.has_value());
  EXPECT_THAT(std::string(loaded.error().what()), HasSubstr("do not belong together"));
}

// The marks of one that is over, put back by whoever had copied them.
TEST_F(RekeyTest, AMarkOfBeforeIsNoMarkAnyMore) {
  make_credentials(3);
  desk_.settle_failures = 1;
  ASSERT_TRUE(rekey().has_value());
  const store::Bytes rewrapping = disk_->state.meta[std::string(kRekeyMeta)];
  ASSERT_TRUE(run_until([&] { return peek_rekey_mark(*store_)->phase == RekeyMark::Phase::kSettling; }));
  const store::Bytes settling = disk_->state.meta[std::string(kRekeyMeta)];
  finish_rekey();
  stop();

  // Of the same rekey: what is done is done once more.
  disk_->state.meta[std::string(kRekeyMeta)] = settling;
  start();
  finish_rekey();
  EXPECT_EQ(usable(), 3U);
  EXPECT_EQ(desk_.settled.size(), 2U);
  stop();

  const auto refused = [&](const store::Bytes& mark) {
    disk_->state.meta[std::string(kRekeyMeta)] = mark;
    thread_ = std::make_unique<net::BackgroundThread>(loop(), "test-store");
    StoredRegistry registry(RegistryParts{loop(), *thread_, *store_, *vault_, *process_key_, clock_, log_,
                                          lane_, in_log_, nullptr, &desk_});
    const auto loaded = registry.load({});
    return loaded.has_value() ? std::string("loaded") : std::string(loaded.error().what());
  };
  EXPECT_THAT(refused(rewrapping), HasSubstr("do not belong together"));
  const store::Bytes none = write_rekey_mark(*vault_, {}).value;
  disk_->state.meta[std::string(kRekeyMeta)] = none;
  start();
  ASSERT_TRUE(rekey().has_value());
  finish_rekey();
  stop();
  EXPECT_THAT(refused(settling), HasSubstr("do not belong together"));
}

// Else whoever writes the database would have an altered record made right.
TEST_F(RekeyTest, TakesNothingOverThatWasTamperedWith) {
  make_credentials(3);
  disk_->row("credential", "c1")->body += " ";
  // It is found on the way, and keeps the old key until somebody sets it right.
  ASSERT_TRUE(rekey().has_value());
  ASSERT_TRUE(run_until([&] { return !registry_->rekey_state()->failure.empty(); }));
  EXPECT_THAT(registry_->rekey_state()->failure, HasSubstr("'c1' was altered"));
  EXPECT_EQ(ids().size(), 2U);
  must({.verb = Verb::kDelete, .kind = Kind::kCredential, .name = "c1"});
  finish_rekey();
  EXPECT_EQ(ids().size(), 1U);
}

TEST_F(RekeyTest, DoesNotBeginWhereAStartFoundARecordAltered) {
  make_credentials(3);
  stop();
  disk_->row("credential", "c1")->body += " ";
  start();
  const auto refused = rekey();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kConflict);
  EXPECT_THAT(std::string(refused.error().what()), HasSubstr("'c1' was altered"));
  EXPECT_EQ(desk_.discarded.size(), 1U);
}

TEST_F(RekeyTest, AMarkThatWasAlteredIsNotBelieved) {
  make_credentials(1);
  const store::Meta mark = write_rekey_mark(
      *vault_,
      {.phase = RekeyMark::Phase::kRewrapping, .old_id = first_.master().id(), .new_id = "0011223344556677"});
  disk_->state.meta[mark.name] = mark.value;
  EXPECT_EQ(peek_rekey_mark(*store_)->new_id, "0011223344556677");
  EXPECT_EQ(*read_rekey_mark(*vault_, *store_), *peek_rekey_mark(*store_));
  for (std::size_t i = 0; i < mark.value.size(); ++i) {
    disk_->state.meta[mark.name][i] ^= std::byte{1};
    EXPECT_FALSE(read_rekey_mark(*vault_, *store_).has_value()) << i;
    disk_->state.meta[mark.name][i] ^= std::byte{1};
  }
  disk_->state.meta[mark.name].pop_back();
  EXPECT_FALSE(peek_rekey_mark(*store_).has_value());
  disk_->state.meta.erase(mark.name);
}

}  // namespace
}  // namespace claviger::registry
