// SPDX-License-Identifier: Apache-2.0
#include "registry/stored_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "crypto/testing/routed_arena.h"
#include "gateway/testing/fake_external_secrets.h"
#include "net/testing/loop_fixture.h"
#include "registry/testing/memory_lane.h"
#include "store/testing/memory_store.h"
#include "vault/testing/throwaway_keys.h"

namespace claviger::registry {
namespace {

using policy::Kind;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

base::SecretArena& arena = crypto::testing::routed_arena();

constexpr std::string_view kSecret = "fake-secret-of-the-upstream";
const Actor kAdmin{.principal = "admin", .key_id = {}, .address = "127.0.0.1", .request_id = "r1"};

constexpr std::string_view kUpstream =
    R"({"kind":"upstream","name":"api","mount":"/api","base_url":"https://api.test","auth":{"kind":"bearer"}})";
constexpr std::string_view kCredential = R"({"kind":"credential","name":"main","upstream":"api"})";
constexpr std::string_view kElsewhere =
    R"({"kind":"credential","name":"main","upstream":"api","from":"vault:secret/x#key"})";
constexpr std::string_view kPrincipal = R"({"kind":"principal","name":"ci"})";
constexpr std::string_view kGrant = R"({"kind":"grant","name":"ci-api","principal":"ci","upstream":"api"})";

Change document(std::string_view json, Verb verb = Verb::kApply) {
  Change change;
  change.verb = verb;
  change.document = base::parse_json(json, "test").value();
  base::ObjectReader reader = base::ObjectReader::of(change.document, "test").value();
  change.kind = *policy::parse_kind(*reader.required_string("kind"));
  change.name = *reader.required_string("name");
  return change;
}

Change verb(Verb verb, Kind kind, std::string name) {
  Change change;
  change.verb = verb;
  change.kind = kind;
  change.name = std::move(name);
  return change;
}

Change secret(std::string name, std::string_view text) {
  Change change = verb(Verb::kSetSecret, Kind::kCredential, std::move(name));
  change.secret = base::SecretBytes::copy_of(arena, std::as_bytes(std::span(text))).value();
  return change;
}

template <class... Changes>
std::vector<Change> list_of(Changes... changes) {
  std::vector<Change> all;
  (all.push_back(std::move(changes)), ...);
  return all;
}

// A registry over a store in memory. restart() is what a new process would see.
class StoredRegistryTest : public ::testing::Test, public net::testing::LoopFixture {
 protected:
  StoredRegistryTest() {
    keys_ = vault::testing::throwaway_keys(arena);
    store::testing::MemoryStore store(disk_);
    store::Batch batch;
    vault::RecordGuard guard(*keys_);
    seal_events(*keys_, {.revision = 1}, {R"({"type":"test.begun"})"}, batch.outbox);
    EXPECT_TRUE(guard.protect_first(batch).has_value());
    EXPECT_TRUE(store.commit(batch).has_value());
    restart();
  }
  ~StoredRegistryTest() override { stop(); }

  void stop() {
    for (const std::uint64_t number : lane_.outbox()) in_log_ = std::max(in_log_, number);
    if (registry_) EXPECT_TRUE(run_until([&] { return registry_->is_idle(); }));
    thread_.reset();
    registry_.reset();
  }
  void restart() {
    stop();
    store_ = std::make_unique<store::testing::MemoryStore>(disk_);
    thread_ = std::make_unique<net::BackgroundThread>(loop(), "test-store");
    registry_ = std::make_unique<StoredRegistry>(
        RegistryParts{loop(), *thread_, *store_, *keys_, *process_key_, clock_, log_, lane_, in_log_});
    EXPECT_TRUE(registry_->load({.external = has_external_ ? &external_ : nullptr}).has_value());
    registry_->start([this](std::shared_ptr<const gateway::World> world, std::function<void()> everywhere) {
      published_.push_back(std::move(world));
      loop().post(std::move(everywhere));
    });
  }

  void use_external() {
    has_external_ = true;
    restart();
  }

  Result<std::vector<Outcome>> change(std::vector<Change> changes, bool dry_run = false) {
    return finish(registry_->change(kAdmin, std::move(changes), dry_run));
  }
  void must(std::vector<Change> changes) {
    const auto outcome = change(std::move(changes));
    ASSERT_TRUE(outcome.has_value()) << outcome.error().what();
  }
  std::string refusal(std::vector<Change> changes) {
    const auto outcome = change(std::move(changes));
    return outcome.has_value() ? "done" : std::string(outcome.error().what());
  }
  std::string view(Kind kind, std::string name) {
    const auto found = finish(registry_->find(kind, std::move(name)));
    return found.has_value() ? found->json : std::string(found.error().what());
  }
  std::vector<std::string> notices() const {
    std::vector<std::string> all;
    for (const Notice& notice : registry_->notices())
      all.push_back(notice.kind + " " + notice.name + ": " + notice.what);
    return all;
  }
  std::size_t usable_credentials() const {
    const auto at = registry_->world()->policy->find_upstream("api");
    return at ? (*registry_->world()->upstreams)[*at]->credentials.size() : 0;
  }
  void make_world() {
    must(list_of(document(kUpstream), document(kCredential), document(kPrincipal), document(kGrant)));
    must(list_of(secret("main", kSecret)));
  }

  SystemClock clock_;
  telemetry::Log log_{telemetry::Level::kError, -1, clock_};
  std::shared_ptr<store::testing::MemoryDisk> disk_ = std::make_shared<store::testing::MemoryDisk>();
  std::unique_ptr<vault::KeyHolder> keys_;
  std::unique_ptr<vault::ProcessKey> process_key_ = vault::ProcessKey::create(arena).value();
  testing::MemoryLane lane_;
  std::uint64_t in_log_ = 0;
  std::unique_ptr<store::testing::MemoryStore> store_;
  std::unique_ptr<net::BackgroundThread> thread_;
  std::unique_ptr<StoredRegistry> registry_;
  std::vector<std::shared_ptr<const gateway::World>> published_;
  gateway::testing::FakeExternalSecrets external_{arena};
  bool has_external_ = false;
};

TEST_F(StoredRegistryTest, PublishesWhatItAcknowledges) {
  make_world();
  ASSERT_FALSE(published_.empty());
  EXPECT_EQ(published_.back(), registry_->world());
  EXPECT_EQ(usable_credentials(), 1U);
}

TEST_F(StoredRegistryTest, KeepsEverythingOverARestart) {
  make_world();
  const std::string before = view(Kind::kGrant, "ci-api");
  restart();
  EXPECT_EQ(view(Kind::kGrant, "ci-api"), before);
  EXPECT_EQ(usable_credentials(), 1U);
  EXPECT_THAT(notices(), ElementsAre());
}

TEST_F(StoredRegistryTest, LeavesAloneWhatIsTheSameAlready) {
  make_world();
  const store::Revision head = disk_->state.head;
  const auto outcome = change(list_of(document(kGrant), document(kUpstream)));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->at(0).effect, Effect::kUnchanged);
  EXPECT_EQ(outcome->at(1).effect, Effect::kUnchanged);
  EXPECT_EQ(disk_->state.head, head);
}

TEST_F(StoredRegistryTest, WritesNothingInADryRunButFindsWhatIsWrong) {
  const store::Revision head = disk_->state.head;
  EXPECT_TRUE(change(list_of(document(kPrincipal)), true).has_value());
  EXPECT_FALSE(change(list_of(document(kGrant)), true).has_value());
  EXPECT_EQ(disk_->state.head, head);
  EXPECT_TRUE(published_.empty());
}

TEST_F(StoredRegistryTest, TakesAllOfAnApplyOrNothing) {
  EXPECT_THAT(
      refusal(list_of(document(kPrincipal), document(kUpstream),
                      document(R"({"kind":"grant","name":"g","principal":"nobody","upstream":"api"})"))),
      HasSubstr("nobody"));
  EXPECT_THAT(view(Kind::kPrincipal, "ci"), HasSubstr("there is no principal 'ci'"));
}

TEST_F(StoredRegistryTest, SaysWhichOfSeveralIsWrong) {
  must(list_of(document(kPrincipal), document(kUpstream)));
  EXPECT_THAT(
      refusal(list_of(document(kPrincipal),
                      document(R"({"kind":"grant","name":"g","principal":"nobody","upstream":"api"})"))),
      HasSubstr("#2: grant 'g': "));
  EXPECT_THAT(
      refusal(list_of(
          document(kPrincipal),
          document(
              R"({"kind":"upstream","name":"odd","mount":"/odd","base_url":"https://odd.test","auth":{"kind":"odd"}})"))),
      HasSubstr("#2: upstream 'odd': "));
}

TEST_F(StoredRegistryTest, HoldsAWriterToTheRevisionHeSaw) {
  make_world();
  Change stale = document(R"({"kind":"principal","name":"ci","type":"agent"})", Verb::kReplace);
  stale.if_match = 1;
  EXPECT_THAT(refusal(list_of(std::move(stale))), HasSubstr("If-Match"));
  Change fresh = document(R"({"kind":"principal","name":"ci","type":"agent"})", Verb::kReplace);
  fresh.if_match = disk_->row("principal", "ci")->revision;
  EXPECT_EQ(refusal(list_of(std::move(fresh))), "done");
}

TEST_F(StoredRegistryTest, RefusesADeletionThatOthersStillNeed) {
  make_world();
  EXPECT_THAT(refusal(list_of(verb(Verb::kDelete, Kind::kUpstream, "api"))), HasSubstr("api"));
  EXPECT_EQ(usable_credentials(), 1U);
}

TEST_F(StoredRegistryTest, ForgetsTheSecretOfACredentialThatWouldGoElsewhere) {
  make_world();
  const auto outcome = change(list_of(document(
      R"({"kind":"upstream","name":"api","mount":"/api","base_url":"https://evil.test","auth":{"kind":"bearer"}})")));
  ASSERT_TRUE(outcome.has_value());
  ASSERT_EQ(outcome->size(), 2U);
  EXPECT_THAT(outcome->at(1).warnings, ElementsAre(HasSubstr("is unbound")));
  EXPECT_EQ(usable_credentials(), 0U);
  EXPECT_TRUE(disk_->row("credential", "main")->sealed.empty());
  // Putting the address back does not bring the secret back.
  must(list_of(document(kUpstream)));
  EXPECT_EQ(usable_credentials(), 0U);
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("state":"unbound")"));
  must(list_of(secret("main", kSecret)));
  EXPECT_EQ(usable_credentials(), 1U);
}

TEST_F(StoredRegistryTest, UnbindsEvenWhenTheCredentialIsAppliedAlongUnchanged) {
  make_world();
  must(list_of(
      document(
          R"({"kind":"upstream","name":"api","mount":"/api","base_url":"https://api.test","auth":{"kind":"header","name":"X-Key"}})"),
      document(kCredential)));
  EXPECT_EQ(usable_credentials(), 0U);
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("state":"unbound")"));
}

TEST_F(StoredRegistryTest, NoticesACredentialThatCannotBeUsedOnce) {
  must(list_of(document(kUpstream), document(kCredential), document(kPrincipal)));
  const std::size_t before = notices().size();
  EXPECT_EQ(before, 1U);
  for (int i = 0; i < 3; ++i) {
    must(list_of(verb(Verb::kDisable, Kind::kPrincipal, "ci")));
    must(list_of(verb(Verb::kEnable, Kind::kPrincipal, "ci")));
  }
  EXPECT_EQ(notices().size(), before);
  must(list_of(secret("main", kSecret)));
  EXPECT_THAT(notices(), ElementsAre());
}

TEST_F(StoredRegistryTest, KeepsTheSecretWhenItsDestinationStays) {
  make_world();
  must(list_of(document(
      R"({"kind":"upstream","name":"api","mount":"/other","base_url":"https://api.test","auth":{"kind":"bearer"}})")));
  EXPECT_EQ(usable_credentials(), 1U);
}

TEST_F(StoredRegistryTest, KeepsSecretsOutOfEverythingItWrites) {
  make_world();
  ASSERT_TRUE(run_until([&] { return registry_->is_idle(); }));
  std::string all = view(Kind::kCredential, "main");
  for (const auto& [key, record] : disk_->state.records) {
    all += record.body;
    all.append(reinterpret_cast<const char*>(record.sealed.data()), record.sealed.size());
  }
  for (const std::string& event : lane_.events()) all += event;
  EXPECT_THAT(all, Not(HasSubstr(std::string(kSecret))));
}

TEST_F(StoredRegistryTest, RefusesASecretThatCannotBeSentAndKeepsTheOldOne) {
  make_world();
  EXPECT_THAT(refusal(list_of(secret("main", "fake\nsecret"))), HasSubstr("credential 'main'"));
  EXPECT_EQ(usable_credentials(), 1U);
  restart();
  EXPECT_EQ(usable_credentials(), 1U);
}

TEST_F(StoredRegistryTest, RefusesSecretsFromElsewhereWhereThereAreNone) {
  must(list_of(document(kUpstream)));
  EXPECT_THAT(refusal(list_of(document(kElsewhere))), HasSubstr("cannot be used here"));
}

TEST_F(StoredRegistryTest, TakesASecretFromElsewhereWhereThatIsAllowedAndReadsNothingOtherwise) {
  use_external();
  must(list_of(document(kUpstream)));
  external_.allowed.clear();
  EXPECT_THAT(refusal(list_of(document(kElsewhere))), HasSubstr("credential 'main'"));
  EXPECT_TRUE(external_.wanted.empty());
  external_.allowed = {"vault:secret/x#key"};
  external_.set("vault:secret/x#key", kSecret);
  must(list_of(document(kElsewhere)));
  EXPECT_EQ(usable_credentials(), 1U);
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("state":"active","version":1)"));
  EXPECT_THAT(refusal(list_of(secret("main", kSecret))), HasSubstr("has its secret from elsewhere"));

  restart();
  EXPECT_EQ(usable_credentials(), 1U);
  external_.allowed.clear();
  restart();
  EXPECT_EQ(usable_credentials(), 0U) << "what is not allowed any more is not used any more";
  EXPECT_THAT(notices(), Contains(HasSubstr("not allowed")));
}

TEST_F(StoredRegistryTest, PublishesAnotherValueFromElsewhereAndNoneThatCannotBeUsed) {
  use_external();
  external_.allowed = {"vault:secret/x#key"};
  external_.set("vault:secret/x#key", kSecret);
  must(list_of(document(kUpstream), document(kElsewhere)));
  const auto before = registry_->world();
  published_.clear();
  external_.offer("vault:secret/x#key", "fake-other-secret-0123456789");
  EXPECT_TRUE(finish(registry_->renew("vault:secret/x#key")).has_value());
  ASSERT_EQ(published_.size(), 1U);
  EXPECT_NE(registry_->world(), before);
  EXPECT_EQ(registry_->world()->policy->revision(), before->policy->revision());
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("version":2)"));

  const auto good = registry_->world();
  external_.offer("vault:secret/x#key", "fake\nsecret");
  EXPECT_FALSE(finish(registry_->renew("vault:secret/x#key")).has_value());
  EXPECT_EQ(registry_->world(), good);
  EXPECT_THAT(external_.refusal, HasSubstr("control byte"));
  EXPECT_EQ(usable_credentials(), 1U);
}

TEST_F(StoredRegistryTest, ASecretMovesOutOfTheVaultAndBack) {
  use_external();
  external_.allowed = {"vault:secret/x#key"};
  external_.set("vault:secret/x#key", kSecret);
  make_world();
  must(list_of(document(kElsewhere)));
  EXPECT_EQ(usable_credentials(), 1U);
  EXPECT_EQ(external_.wanted.count("vault:secret/x#key"), 1U);
  must(list_of(document(kCredential)));
  EXPECT_EQ(usable_credentials(), 0U) << "what it had before is gone";
  EXPECT_TRUE(external_.wanted.empty());
  must(list_of(secret("main", kSecret)));
  EXPECT_EQ(usable_credentials(), 1U);
}

TEST_F(StoredRegistryTest, RevokesAKeyForGood) {
  must(list_of(document(kPrincipal)));
  const auto created =
      finish(registry_->create_key(kAdmin, {.principal = "ci", .expires = {}, .cidrs = {"10.0.0.0/8"}}));
  ASSERT_TRUE(created.has_value()) << created.error().what();
  const std::string id = created->view.name;
  EXPECT_NE(registry_->world()->policy->find_key(id), nullptr);
  must(list_of(verb(Verb::kRevoke, Kind::kApiKey, id)));
  EXPECT_EQ(registry_->world()->policy->find_key(id), nullptr);
  EXPECT_THAT(view(Kind::kApiKey, id), HasSubstr(R"("revoked":true)"));
  restart();
  EXPECT_EQ(registry_->world()->policy->find_key(id), nullptr);
  // Neither a document nor a deletion brings the id back.
  const std::string again = R"({"kind":"api_key","name":")" + id + R"(","principal":"ci","hash":"sha256:)" +
                            std::string(64, 'a') + "\"}";
  EXPECT_THAT(refusal(list_of(document(again))), HasSubstr("revoked for good"));
  must(list_of(verb(Verb::kDelete, Kind::kApiKey, id)));
  EXPECT_THAT(refusal(list_of(document(again))), HasSubstr("never used again"));
}

TEST_F(StoredRegistryTest, KeepsAPrincipalDisabledWhateverIsApplied) {
  make_world();
  must(list_of(verb(Verb::kDisable, Kind::kPrincipal, "ci")));
  must(list_of(document(R"({"kind":"principal","name":"ci","type":"agent"})")));
  const auto at = registry_->world()->policy->find_principal("ci");
  ASSERT_TRUE(at.has_value());
  EXPECT_TRUE(registry_->world()->policy->principal(*at).disabled);
  restart();
  must(list_of(verb(Verb::kEnable, Kind::kPrincipal, "ci")));
  EXPECT_FALSE(
      registry_->world()->policy->principal(*registry_->world()->policy->find_principal("ci")).disabled);
}

TEST_F(StoredRegistryTest, ARevokedCredentialTakesNoSecretAgain) {
  make_world();
  must(list_of(verb(Verb::kRevoke, Kind::kCredential, "main")));
  EXPECT_TRUE(disk_->row("credential", "main")->sealed.empty());
  EXPECT_THAT(refusal(list_of(secret("main", kSecret))), HasSubstr("revoked for good"));
}

TEST_F(StoredRegistryTest, ACredentialNeedsAnotherSecretUntilItHasOne) {
  make_world();
  Change required = verb(Verb::kRequireRotation, Kind::kCredential, "main");
  EXPECT_THAT(refusal(list_of(verb(Verb::kRequireRotation, Kind::kCredential, "main"))),
              HasSubstr("say why"));
  required.reason = "a laptop was stolen";
  must(list_of(std::move(required)));
  restart();
  EXPECT_THAT(view(Kind::kCredential, "main"), AllOf(HasSubstr(R"("rotation_reason":"a laptop was stolen")"),
                                                     HasSubstr(R"("rotation":"required")")));
  EXPECT_THAT(notices(), Contains(HasSubstr("credential main: needs another secret since")));
  EXPECT_EQ(usable_credentials(), 1U);

  Change disables = verb(Verb::kRequireRotation, Kind::kCredential, "main");
  disables.disables = true;
  must(list_of(std::move(disables)));
  EXPECT_EQ(usable_credentials(), 0U);
  must(list_of(secret("main", kSecret)));
  EXPECT_EQ(usable_credentials(), 1U);
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("state":"active","version":2)"));
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("rotation":"none")"));
}

TEST_F(StoredRegistryTest, WhatSomebodyDisabledStaysSoWithAnotherSecret) {
  make_world();
  must(list_of(verb(Verb::kDisable, Kind::kCredential, "main")));
  Change required = verb(Verb::kRequireRotation, Kind::kCredential, "main");
  required.reason = "test";
  required.disables = true;
  must(list_of(std::move(required)));
  must(list_of(secret("main", kSecret)));
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("state":"disabled")"));
}

TEST_F(StoredRegistryTest, BelievesAnOperatorWhoEnablesWhatIsOut) {
  make_world();
  const auto at = registry_->world()->policy->find_upstream("api");
  const auto life = (*registry_->world()->upstreams)[*at]->credentials[0].life;
  life->login_was_refused(clock_.monotonic());
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("state":"invalid")"));
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("reason":"login_refused")"));
  must(list_of(verb(Verb::kEnable, Kind::kCredential, "main")));
  EXPECT_THAT(view(Kind::kCredential, "main"), HasSubstr(R"("state":"active")"));
}

TEST_F(StoredRegistryTest, HandsEachChangeToTheAuditLogOnce) {
  make_world();
  ASSERT_TRUE(run_until([&] { return registry_->is_idle(); }));
  const std::size_t events = lane_.events().size();
  EXPECT_EQ(events, 6U);
  EXPECT_THAT(lane_.events(), Contains(HasSubstr("\"type\":\"credential.secret_set\"")));
  EXPECT_THAT(lane_.events()[1], HasSubstr("\"actor\":\"admin\""));
  EXPECT_TRUE(disk_->state.outbox.empty());
  restart();
  ASSERT_TRUE(run_until([&] { return registry_->is_idle(); }));
  EXPECT_EQ(lane_.events().size(), events);
}

TEST_F(StoredRegistryTest, AsksForTheRightAgainWhenAChangeHasItsTurn) {
  must(list_of(document(R"({"kind":"principal","name":"boss","management":"admin"})")));
  const auto key = finish(registry_->create_key(kAdmin, {.principal = "boss", .expires = {}, .cidrs = {}}));
  ASSERT_TRUE(key.has_value());
  const Actor boss{.principal = "boss", .key_id = key->view.name, .address = "127.0.0.1", .request_id = "r2"};
  EXPECT_TRUE(finish(registry_->change(boss, list_of(document(kPrincipal)), false)).has_value());
  must(list_of(verb(Verb::kRevoke, Kind::kApiKey, key->view.name)));
  const auto late = finish(registry_->change(boss, list_of(document(kUpstream)), false));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code(), Code::kUnauthenticated);
}

TEST_F(StoredRegistryTest, ChangesNothingWhenTheStoreIsFull) {
  make_world();
  const auto before = registry_->world();
  store_->fail_writes(true);
  const auto outcome = change(list_of(verb(Verb::kDisable, Kind::kPrincipal, "ci")));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Code::kUnavailable);
  EXPECT_EQ(registry_->world(), before);
  store_->fail_writes(false);
  must(list_of(verb(Verb::kDisable, Kind::kPrincipal, "ci")));
}

// --- Whoever can write the database --------------------------------------------------------------

class TamperedStore : public StoredRegistryTest {
 protected:
  void SetUp() override {
    make_world();
    must(list_of(
        document(
            R"({"kind":"upstream","name":"other","mount":"/other","base_url":"https://other.test","auth":{"kind":"bearer"}})"),
        document(R"({"kind":"credential","name":"second","upstream":"other"})")));
    must(list_of(secret("second", "fake-secret-of-another-upstream")));
    stop();
  }
};

TEST_F(TamperedStore, AnEditedBaseUrlIsNamedAndRefusedAndTheRestWorks) {
  std::string& body = disk_->row("upstream", "api")->body;
  body.replace(body.find("api.test"), 8, "bad.test");
  restart();
  EXPECT_THAT(notices(), Contains(HasSubstr("upstream api")));
  EXPECT_FALSE(registry_->world()->policy->find_upstream("api").has_value());
  EXPECT_TRUE(registry_->world()->policy->find_upstream("other").has_value());
  EXPECT_THAT(view(Kind::kUpstream, "api"), HasSubstr("fault"));
}

TEST_F(TamperedStore, SwappedCiphertextsAreNamedAndRefused) {
  std::swap(disk_->row("credential", "main")->sealed, disk_->row("credential", "second")->sealed);
  restart();
  EXPECT_THAT(notices(), Contains(HasSubstr("credential main")));
  EXPECT_THAT(notices(), Contains(HasSubstr("credential second")));
  EXPECT_EQ(usable_credentials(), 0U);
}

TEST_F(TamperedStore, AnUndoneRevocationIsNamedAndRefused) {
  restart();
  const auto key = finish(registry_->create_key(kAdmin, {.principal = "ci", .expires = {}, .cidrs = {}}));
  ASSERT_TRUE(key.has_value());
  const store::Record alive = *disk_->row("api_key", key->view.name);
  must(list_of(verb(Verb::kRevoke, Kind::kApiKey, key->view.name)));
  stop();
  *disk_->row("api_key", key->view.name) = alive;
  restart();
  EXPECT_THAT(notices(), Contains(HasSubstr("api_key " + key->view.name)));
  EXPECT_EQ(registry_->world()->policy->find_key(key->view.name), nullptr);
}

TEST_F(TamperedStore, ADisabledPrincipalDoesNotComeBackWithTheNextApply) {
  restart();
  must(list_of(verb(Verb::kDisable, Kind::kPrincipal, "ci")));
  disk_->state.records.erase({"principal", "ci"});
  EXPECT_THAT(view(Kind::kPrincipal, "ci"), HasSubstr("was removed"));
  const auto outcome = change(list_of(document(kPrincipal)));
  ASSERT_TRUE(outcome.has_value()) << outcome.error().what();
  EXPECT_THAT(outcome->at(0).warnings, ElementsAre(HasSubstr("stays disabled")));
  EXPECT_TRUE(
      registry_->world()->policy->principal(*registry_->world()->policy->find_principal("ci")).disabled);
}

TEST_F(TamperedStore, ADeletedKeyDoesNotComeBackWhenItsTombstoneIsGone) {
  restart();
  const std::string again = R"({"kind":"api_key","name":"7f3k9x2m","principal":"ci","hash":"sha256:)" +
                            std::string(64, 'a') + "\"}";
  must(list_of(document(again)));
  must(list_of(verb(Verb::kDelete, Kind::kApiKey, "7f3k9x2m")));
  disk_->state.records.erase({"api_key", "7f3k9x2m"});
  EXPECT_THAT(refusal(list_of(document(again))), HasSubstr("was removed"));
}

TEST_F(TamperedStore, WhatIsWrittenAnewIsTrustedAgain) {
  std::string& body = disk_->row("upstream", "api")->body;
  body.replace(body.find("api.test"), 8, "bad.test");
  restart();
  EXPECT_THAT(notices(), Contains(HasSubstr("grant ci-api: is left out")));
  must(list_of(document(kUpstream)));
  EXPECT_TRUE(registry_->world()->policy->find_upstream("api").has_value());
  EXPECT_THAT(notices(), ElementsAre());
  restart();
  EXPECT_TRUE(registry_->world()->policy->find_upstream("api").has_value());
}

}  // namespace
}  // namespace claviger::registry
