// SPDX-License-Identifier: Apache-2.0
// The desk alone, with an endpoint that answers when the test says so.
#include "gateway/token_desk.h"

#include <gtest/gtest.h>

#include <coroutine>
#include <deque>
#include <functional>

#include "credentials/catalog.h"
#include "gateway/world.h"
#include "net/testing/loop_fixture.h"
#include "net/testing/skipping_clock.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// What was asked, and is answered by the test.
struct Asked {
  std::string authority, target, body;
  std::coroutine_handle<> waiting;
  std::optional<Result<http::FetchAnswer>> answer;
};

base::Document scalar(std::string text) {
  base::Document node;
  node.type = base::Document::Type::kScalar;
  node.scalar = std::move(text);
  return node;
}

base::Document settings(const std::string& kind) {
  base::Document map;
  map.type = base::Document::Type::kMap;
  map.entries.push_back({"kind", scalar(kind)});
  map.entries.push_back({"token_url", scalar("https://idp.test/token")});
  map.entries.push_back({"client_id", scalar("fake-client")});
  return map;
}

struct TokenDeskTest : ::testing::Test {
  net::testing::SkippingClock clock;
  net::testing::LoopFixture fixture{clock};
  std::unique_ptr<base::SecretArena> arena =
      *base::SecretArena::create({base::SecretArena::Memory::kLocked, std::size_t{4} << 20});
  std::unique_ptr<vault::ProcessKey> key = *vault::ProcessKey::create(*arena);
  telemetry::Log log{telemetry::Level::kError, 2, clock};
  std::deque<std::shared_ptr<Asked>> asked;
  std::vector<std::string> events;
  std::vector<std::string> kept;  // secrets
  std::vector<std::uint32_t> kept_versions;
  Result<void> keeping = ok();
  std::unique_ptr<TokenDesk> desk = make_desk(true);
  std::vector<std::string> outcomes;

  std::unique_ptr<TokenDesk> make_desk(bool keeps) {
    TokenDesk::Surroundings around{
        .control = fixture.loop(),
        .key = *key,
        .log = log,
        .readers = 1,
        .fetch = [this](http::FetchTarget target,
                        http::FetchRequest request) { return fetch(std::move(target), request); },
        .record = [this](audit::Event event) { events.push_back(std::move(event).text()); },
        .keep = {}};
    if (keeps)
      around.keep = [this](ReplacedSecret secret) -> net::Task<Result<void>> {
        kept.emplace_back(secret.secret.reveal_text());
        kept_versions.push_back(secret.version);
        co_return keeping;
      };
    return *TokenDesk::create(std::move(around));
  }

  net::Task<Result<http::FetchAnswer>> fetch(http::FetchTarget target, http::FetchRequest request) {
    const auto now = std::make_shared<Asked>();
    now->authority = target.authority;
    now->target = request.target;
    now->body = request.body;
    asked.push_back(now);
    struct Awaiter {
      Asked& on;
      bool await_ready() const noexcept { return on.answer.has_value(); }
      void await_suspend(std::coroutine_handle<> handle) const noexcept { on.waiting = handle; }
      void await_resume() const noexcept {}
    };
    co_await Awaiter{*now};
    co_return *std::move(now->answer);
  }

  Result<http::FetchAnswer> answer_of(unsigned status, std::string_view body) {
    return http::FetchAnswer{.status = status,
                             .body = *base::SecretBytes::copy_of(*arena, std::as_bytes(std::span(body))),
                             .content_type = "application/json",
                             .cookie = {},
                             .retry_after = {}};
  }
  // Answers the one that was asked last.
  void answer(Result<http::FetchAnswer> with) {
    const auto last = asked.back();
    last->answer.emplace(std::move(with));
    std::exchange(last->waiting, nullptr).resume();
  }
  void answer(unsigned status, std::string_view body) { answer(answer_of(status, body)); }
  void give_token(const std::string& token, unsigned lifetime = 600, const std::string& more = "") {
    answer(200, R"({"access_token":")" + token + R"(","token_type":"Bearer","expires_in":)" +
                    std::to_string(lifetime) + more + "}");
  }
  void fail() { answer(Error(Code::kUpstreamFailed, Blame::kUpstream, "nobody answers")); }

  std::unique_ptr<const credentials::Credential> credential;
  TokenSource source_of(const std::string& secret, std::uint32_t version = 1,
                        const std::string& kind = "oauth2_client_credentials",
                        const std::string& destination = "fake-destination", bool masked = true) {
    const base::Document auth = settings(kind);
    credential = *(*credentials::find_kind(auth))
                      ->make({.name = "fake-credential",
                              .auth = auth,
                              .secret = *base::SecretBytes::copy_of(*arena, std::as_bytes(std::span(secret))),
                              .bound_to = destination,
                              .masked = masked},
                             *key);
    TokenSource source;
    source.credential = "fake-credential";
    source.upstream = "fake-upstream";
    source.destination = destination;
    source.version = version;
    source.masked = masked;
    source.fetcher = credential->fetcher();
    source.targets.push_back({.destination = {}, .tls = nullptr, .authority = "idp.test"});
    source.target = "/token";
    return source;
  }
  std::shared_ptr<TokenCell> cell_of(const std::string& secret = "fake-client-secret-of-it",
                                     std::uint32_t version = 1) {
    return desk->cell(source_of(secret, version));
  }
  World world_with(const std::shared_ptr<TokenCell>& cell, const TokenSource& source) {
    auto upstream = std::make_shared<UpstreamRuntime>();
    ReadyCredential& ready = upstream->credentials.emplace_back();
    ready.tokens = cell;
    ready.token_source = std::make_shared<const TokenSource>(source);
    World world;
    world.upstreams = std::make_shared<const UpstreamTable>(UpstreamTable{upstream});
    return world;
  }

  TokenDesk::Done note() {
    return [this](const Result<void>& outcome) {
      outcomes.push_back(outcome.has_value() ? "ok" : std::string(code_name(outcome.error().code())));
    };
  }
  // What a request would carry now.
  std::string carried(const std::shared_ptr<TokenCell>& cell) {
    const auto& view = cell->look(0);
    const auto* good = view.good(clock.monotonic());
    if (good == nullptr) return "";
    std::string room(1024, '\0');
    http::HeadWriter out(room);
    vault::Opener opener = *key->make_opener();
    EXPECT_TRUE((*good)->carrier->write_fields(out, {.opener = opener}).has_value());
    return std::string(out.text());
  }
  void pass(seconds time) {
    for (seconds left = time; left > seconds(0); left -= std::min(left, seconds(1))) {
      clock.skip(std::min(left, seconds(1)));
      fixture.loop().turn(milliseconds(0));
    }
  }
};

constexpr std::string_view kFirst = "fake-first-access-token";

TEST_F(TokenDeskTest, TwoHundredWhoAskHaveOneLogIn) {
  const auto cell = cell_of();
  for (int i = 0; i < 200; ++i) desk->ask(*cell, note());
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(outcomes.empty());
  give_token(std::string(kFirst));
  EXPECT_EQ(outcomes, std::vector<std::string>(200, "ok"));
  EXPECT_EQ(carried(cell), "Authorization: Bearer fake-first-access-token\r\n");
  desk->ask(*cell, note());
  EXPECT_EQ(asked.size(), 1U);
  EXPECT_EQ(desk->counts().fetched, 1U);
}

TEST_F(TokenDeskTest, ARefusedSecretIsNotShownAgainBeforeItsTime) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  answer(401, R"({"error":"invalid_client"})");
  EXPECT_EQ(outcomes, std::vector<std::string>{"no_credential"});
  for (int i = 0; i < 119; ++i) {
    pass(seconds(1));
    desk->ask(*cell, note());
  }
  EXPECT_EQ(asked.size(), 1U);
  EXPECT_EQ(outcomes.size(), 120U);
  pass(seconds(40));
  desk->ask(*cell, note());
  EXPECT_EQ(asked.size(), 2U);
  EXPECT_EQ(desk->counts().refused, 1U);
}

TEST_F(TokenDeskTest, WhoeverLooksSeesThatAskingIsInVain) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  fail();
  const auto& view = cell->look(0);
  ASSERT_TRUE(view.is_refused(clock.monotonic()));
  EXPECT_EQ(view.refusal->why.code(), Code::kUpstreamFailed);
  EXPECT_EQ(view.good(clock.monotonic()), nullptr);
  pass(seconds(2));
  EXPECT_FALSE(cell->look(0).is_refused(clock.monotonic()));
}

TEST_F(TokenDeskTest, ATokenInUseIsFetchedAnewAheadOfTime) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  give_token(std::string(kFirst), 600);
  cell->use();
  pass(minutes(9));
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_NE(carried(cell), "");
  give_token("fake-second-access-token", 600);
  EXPECT_EQ(carried(cell), "Authorization: Bearer fake-second-access-token\r\n");
}

TEST_F(TokenDeskTest, ATokenThatNobodyUsesRunsOut) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  give_token(std::string(kFirst), 600);
  pass(minutes(20));
  EXPECT_EQ(asked.size(), 1U);
  EXPECT_EQ(carried(cell), "");
}

TEST_F(TokenDeskTest, ATokenIsNeverUsedToItsLastSecond) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  clock.skip(seconds(20));  // so long it took
  give_token(std::string(kFirst), 600);
  pass(seconds(549));
  EXPECT_NE(carried(cell), "");
  pass(seconds(2));
  EXPECT_EQ(carried(cell), "");
}

TEST_F(TokenDeskTest, AnOutageIsSurvivedWhileTheTokenIsGoodAndNoLonger) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  give_token(std::string(kFirst), 600);
  std::size_t answered = 1;
  for (int i = 0; i < 569; ++i) {
    cell->use();
    pass(seconds(1));
    for (; answered < asked.size(); ++answered) fail();
    ASSERT_NE(carried(cell), "") << i;
  }
  EXPECT_GE(asked.size(), 4U);
  EXPECT_LE(asked.size(), 12U);
  pass(seconds(2));
  EXPECT_EQ(carried(cell), "");
  EXPECT_TRUE(cell->look(0).is_refused(clock.monotonic()) || asked.size() == answered);
}

TEST_F(TokenDeskTest, FiftyCallsWhoseTokenWasRefusedBringAboutOneLogIn) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  give_token(std::string(kFirst));
  const std::uint64_t number = (*cell->look(0).good(clock.monotonic()))->number;
  outcomes.clear();
  for (int i = 0; i < 40; ++i) desk->lost(*cell, number, note());
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(carried(cell), "Authorization: Bearer fake-first-access-token\r\n");  // others go on
  give_token("fake-second-access-token");
  for (int i = 0; i < 10; ++i) desk->lost(*cell, number, note());
  EXPECT_EQ(asked.size(), 2U);
  EXPECT_EQ(outcomes, std::vector<std::string>(50, "ok"));
  EXPECT_EQ(desk->counts().lost, 1U);
}

TEST_F(TokenDeskTest, WhoProvokesRefusalsDoesNotBringAboutLogInsAtWill) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  give_token(std::string(kFirst), 86'400);
  for (int i = 0; i < 600; ++i) {
    const std::size_t before = asked.size();
    desk->lost(*cell, (*cell->look(0).good(clock.monotonic()))->number, note());
    if (asked.size() > before) {
      give_token("fake-other-access-token-" + std::to_string(i), 86'400);
      desk->lost_in_vain(*cell);
    }
    pass(seconds(1));
  }
  EXPECT_LE(asked.size(), 6U);
}

TEST_F(TokenDeskTest, ALostTokenStaysInUseWhereNoOtherIsToBeHad) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  give_token(std::string(kFirst));
  outcomes.clear();
  desk->lost(*cell, (*cell->look(0).good(clock.monotonic()))->number, note());
  fail();
  EXPECT_EQ(outcomes, std::vector<std::string>{"upstream_failed"});
  EXPECT_NE(carried(cell), "");
}

TEST_F(TokenDeskTest, ACellOutlastsAChangeOfSomethingElse) {
  const TokenSource source = source_of("fake-client-secret-of-it");
  const auto cell = desk->cell(source);
  desk->adopt(world_with(cell, source));
  desk->ask(*cell, note());
  give_token(std::string(kFirst));
  const TokenSource again = source_of("fake-client-secret-of-it");
  EXPECT_EQ(desk->cell(again), cell);
  desk->adopt(world_with(cell, again));
  EXPECT_NE(carried(cell), "");
  EXPECT_EQ(asked.size(), 1U);
}

TEST_F(TokenDeskTest, AnotherSecretOrDestinationHasAnotherCell) {
  const auto cell = cell_of();
  EXPECT_NE(desk->cell(source_of("fake-client-secret-of-it", 2)), cell);
  EXPECT_NE(desk->cell(source_of("fake-other-client-secret", 1)), cell);
  EXPECT_NE(desk->cell(source_of("fake-client-secret-of-it", 1, "oauth2_client_credentials", "elsewhere")),
            cell);
}

TEST_F(TokenDeskTest, NoTokenWithoutMarksIsLeftWhereMaskingIsTurnedOn) {
  const auto of = [this](bool masked) {
    return source_of("fake-client-secret-of-it", 1, "oauth2_client_credentials", "fake-destination", masked);
  };
  const TokenSource open = of(false);
  const auto cell = desk->cell(open);
  desk->adopt(world_with(cell, open));
  desk->ask(*cell, note());
  give_token(std::string(kFirst));
  EXPECT_TRUE(cell->look(0).token->echoes().is_empty());
  desk->lost(*cell, cell->look(0).token->number, note());  // another is being fetched meanwhile
  const TokenSource masked = of(true);
  ASSERT_EQ(desk->cell(masked), cell);
  EXPECT_NE(carried(cell), "");  // it may come to nothing
  desk->expect(world_with(cell, masked));
  EXPECT_EQ(carried(cell), "");
  give_token("fake-second-access-token");
  ASSERT_NE(carried(cell), "");
  EXPECT_FALSE(cell->look(0).token->echoes().is_empty());
  desk->adopt(world_with(cell, masked));
  EXPECT_NE(carried(cell), "");
  // The other way round a token goes on.
  desk->expect(world_with(cell, open));
  EXPECT_NE(carried(cell), "");
}

TEST_F(TokenDeskTest, WhatTheWorldHasNotLosesItsTokenAndIsNotFetchedAgain) {
  const TokenSource source = source_of("fake-client-secret-of-it");
  const auto cell = desk->cell(source);
  desk->adopt(world_with(cell, source));
  desk->ask(*cell, note());
  give_token(std::string(kFirst));
  cell->use();
  World empty;
  empty.upstreams = std::make_shared<const UpstreamTable>();
  desk->adopt(empty);
  EXPECT_EQ(carried(cell), "");
  pass(minutes(10));
  EXPECT_EQ(asked.size(), 1U);
  outcomes.clear();
  desk->ask(*cell, note());
  EXPECT_EQ(outcomes.size(), 1U);
  EXPECT_NE(outcomes[0], "ok");
}

TEST_F(TokenDeskTest, AnAnswerThatComesAfterItWasTakenBackIsForgotten) {
  const TokenSource source = source_of("fake-client-secret-of-it");
  const auto cell = desk->cell(source);
  desk->adopt(world_with(cell, source));
  desk->ask(*cell, note());
  World empty;
  empty.upstreams = std::make_shared<const UpstreamTable>();
  desk->adopt(empty);
  EXPECT_EQ(outcomes.size(), 1U);
  give_token(std::string(kFirst));
  EXPECT_EQ(carried(cell), "");
  EXPECT_EQ(desk->counts().fetched, 0U);
}

TEST_F(TokenDeskTest, AReplacedRefreshTokenIsKeptAsTheNextVersionAndUsed) {
  const TokenSource source = source_of("fake-refresh-token-one", 1, "oauth2_refresh_token");
  const auto cell = desk->cell(source);
  desk->adopt(world_with(cell, source));
  desk->ask(*cell, note());
  EXPECT_NE(asked[0]->body.find("refresh_token=fake-refresh-token-one"), std::string::npos);
  give_token(std::string(kFirst), 600, R"(,"refresh_token":"fake-refresh-token-two")");
  EXPECT_EQ(kept, std::vector<std::string>{"fake-refresh-token-two"});
  EXPECT_EQ(kept_versions, std::vector<std::uint32_t>{1});
  // The registry makes a world with it: the same cell, and no new log-in.
  const TokenSource next = source_of("fake-refresh-token-two", 2, "oauth2_refresh_token");
  ASSERT_EQ(desk->cell(next), cell);
  desk->adopt(world_with(cell, next));
  EXPECT_NE(carried(cell), "");
  pass(minutes(10));
  desk->ask(*cell, note());
  EXPECT_NE(asked.back()->body.find("refresh_token=fake-refresh-token-two"), std::string::npos);
  EXPECT_EQ(desk->counts().replaced, 1U);
}

TEST_F(TokenDeskTest, AReplacedRefreshTokenThatCannotBeKeptIsUsedAndTriedAgain) {
  const TokenSource source = source_of("fake-refresh-token-one", 1, "oauth2_refresh_token");
  const auto cell = desk->cell(source);
  desk->adopt(world_with(cell, source));
  keeping = Error(Code::kUnavailable, Blame::kOperator, "the disk is full");
  desk->ask(*cell, note());
  give_token(std::string(kFirst), 600, R"(,"refresh_token":"fake-refresh-token-two")");
  EXPECT_NE(carried(cell), "");
  EXPECT_EQ(kept.size(), 1U);
  keeping = ok();
  pass(seconds(12));
  EXPECT_EQ(kept, (std::vector<std::string>{"fake-refresh-token-two", "fake-refresh-token-two"}));
  EXPECT_EQ(desk->counts().unsaved, 1U);
  pass(seconds(60));
  EXPECT_EQ(kept.size(), 2U);
}

TEST_F(TokenDeskTest, WithNowhereToKeepItAReplacedRefreshTokenIsUsedFromMemory) {
  desk = make_desk(false);
  const TokenSource source = source_of("fake-refresh-token-one", 0, "oauth2_refresh_token");
  const auto cell = desk->cell(source);
  desk->adopt(world_with(cell, source));
  desk->ask(*cell, note());
  give_token(std::string(kFirst), 600, R"(,"refresh_token":"fake-refresh-token-two")");
  // A reload reads the old one from where it lies.
  EXPECT_EQ(desk->cell(source_of("fake-refresh-token-one", 0, "oauth2_refresh_token")), cell);
  pass(minutes(10));
  desk->ask(*cell, note());
  EXPECT_NE(asked.back()->body.find("refresh_token=fake-refresh-token-two"), std::string::npos);
}

TEST_F(TokenDeskTest, ASecretThatLiesElsewhereIsNotKeptInTheVaultWhereItIsReplaced) {
  TokenSource source = source_of("fake-refresh-token-one", 7, "oauth2_refresh_token");
  source.is_kept_elsewhere = true;
  const auto cell = desk->cell(source);
  desk->adopt(world_with(cell, source));
  desk->ask(*cell, note());
  give_token(std::string(kFirst), 600, R"(,"refresh_token":"fake-refresh-token-two")");
  EXPECT_TRUE(kept.empty());
  pass(minutes(10));
  desk->ask(*cell, note());
  EXPECT_NE(asked.back()->body.find("refresh_token=fake-refresh-token-two"), std::string::npos);
}

TEST_F(TokenDeskTest, ASecretThatIsReplacedWhileItsCredentialIsDisabledIsKept) {
  const TokenSource source = source_of("fake-refresh-token-one", 3, "oauth2_refresh_token");
  const auto cell = desk->cell(source);
  desk->adopt(world_with(cell, source));
  desk->ask(*cell, note());
  World empty;
  empty.upstreams = std::make_shared<const UpstreamTable>();
  desk->adopt(empty);
  EXPECT_FALSE(desk->is_idle());
  give_token(std::string(kFirst), 600, R"(,"refresh_token":"fake-refresh-token-two")");
  EXPECT_TRUE(desk->is_idle());
  EXPECT_EQ(kept, std::vector<std::string>{"fake-refresh-token-two"});
  EXPECT_EQ(kept_versions, std::vector<std::uint32_t>{3});
  EXPECT_EQ(carried(cell), "");
}

TEST_F(TokenDeskTest, TokensThatLastAMomentAreNotFetchedInALoop) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  give_token(std::string(kFirst), 1);
  std::size_t answered = 1;
  for (int i = 0; i < 100; ++i) {
    cell->use();
    desk->ask(*cell, note());
    clock.skip(milliseconds(50));
    fixture.loop().turn(milliseconds(0));
    for (; answered < asked.size(); ++answered) give_token(std::string(kFirst), 1);
  }
  EXPECT_LE(asked.size(), 12U);
}

TEST_F(TokenDeskTest, AnswersThatAreNoGoodAreFailures) {
  const auto cell = cell_of();
  for (const std::string_view body :
       {"", "no json", "[]", "{}", R"({"access_token":7,"expires_in":60})", R"({"access_token":""})",
        R"({"access_token":"fake-access-token-x","expires_in":0})",
        R"({"access_token":"fake-access-token-x","expires_in":-5})",
        R"({"access_token":"fake-access-token-x","expires_in":"soon"})",
        R"({"access_token":"fake-access-token-x","expires_in":1.5})",
        R"({"access_token":"fake-access-token-x","expires_in":{}})",
        R"({"access_token":"fake-access-token-x","token_type":"mac","expires_in":60})",
        R"({"access_token":"fake access token x","expires_in":60})",
        R"({"access_token":"fake-access\r\ntoken-x","expires_in":60})"}) {
    desk->ask(*cell, note());
    answer(200, body);
    EXPECT_EQ(carried(cell), "") << body;
    EXPECT_EQ(outcomes.back(), "upstream_failed") << body;
    pass(seconds(80));
  }
  for (const unsigned status : {204U, 302U, 404U, 429U, 500U, 503U}) {
    desk->ask(*cell, note());
    answer(status, "");
    EXPECT_EQ(outcomes.back(), "upstream_failed") << status;
    pass(seconds(80));
  }
  EXPECT_EQ(desk->counts().refused, 0U);
}

TEST_F(TokenDeskTest, SaysWhatHappenedAndNothingOfASecret) {
  const auto cell = cell_of("fake-client-secret-of-it");
  desk->ask(*cell, note());
  answer(400, R"({"error":"fake-client-secret-of-it","error_description":"fake-client-secret-of-it"})");
  pass(seconds(200));
  desk->ask(*cell, note());
  give_token(std::string(kFirst));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_NE(events[0].find("credential.token_failed"), std::string::npos);
  EXPECT_NE(events[1].find("credential.token_fetched"), std::string::npos);
  for (const std::string& event : events) {
    EXPECT_EQ(event.find("fake-client-secret"), std::string::npos) << event;
    EXPECT_EQ(event.find(kFirst), std::string::npos) << event;
  }
  const std::string shown = desk->expose();
  EXPECT_NE(shown.find("claviger_token_fetches_total{outcome=\"refused\"} 1"), std::string::npos) << shown;
}

TEST_F(TokenDeskTest, AnswersEverybodyWhenTheGatewayStops) {
  const auto cell = cell_of();
  desk->ask(*cell, note());
  desk->stop();
  EXPECT_EQ(outcomes, std::vector<std::string>{"unavailable"});
  desk->ask(*cell, note());
  EXPECT_EQ(outcomes.back(), "unavailable");
}

}  // namespace
}  // namespace claviger::gateway
