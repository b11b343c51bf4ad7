// SPDX-License-Identifier: Apache-2.0
#include "cli/env_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/secret_arena.h"
#include "cli/env_import.h"

namespace claviger::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct EnvFileTest : ::testing::Test {
  std::unique_ptr<base::SecretArena> arena = *base::SecretArena::create({});

  Result<std::vector<EnvEntry>> read(std::string_view text, EnvNames names = EnvNames::kVariables) {
    return read_env_text(text, "x.env", names, *arena);
  }
  // "NAME=value" of each, with its line.
  std::vector<std::string> shown(std::string_view text, EnvNames names = EnvNames::kVariables) {
    const auto entries = read(text, names);
    if (!entries.has_value()) return {std::string(entries.error().what())};
    std::vector<std::string> all;
    for (const EnvEntry& entry : *entries)
      all.push_back(std::to_string(entry.line) + " " + entry.name + "=" +
                    std::string(entry.value.reveal_text()));
    return all;
  }
  std::string refusal(std::string_view text, EnvNames names = EnvNames::kVariables) {
    const auto entries = read(text, names);
    return entries.has_value() ? "taken" : std::string(entries.error().what());
  }
};

TEST_F(EnvFileTest, GivesNamesAndValuesOfAllFormsThatMeanOneThing) {
  EXPECT_THAT(
      shown("\xEF\xBB\xBF# keys\r\n\r\nA=fake-1\r\n  export B_2=fake=2==   # why\n\tC='fake $3 \"x\" # y'\n"
            "D=\"fake\\n4\\\\\\\"\\$\"\nE=\nF=\"\"\nG=fake#7\nH='a\nb'\nI=fake-9"),
      ElementsAre("3 A=fake-1", "4 B_2=fake=2==", "5 C=fake $3 \"x\" # y", "6 D=fake\n4\\\"$", "9 G=fake#7",
                  "10 H=a\nb", "12 I=fake-9"));
  EXPECT_THAT(shown(""), ElementsAre());
  EXPECT_THAT(shown("\n\n#"), ElementsAre());
}

TEST_F(EnvFileTest, RefusesWithTheLineWhatOthersWouldReadOtherwise) {
  for (const std::string_view line :
       {"A = fake",   "A= fake",      "=fake",    "A",           "1A=fake",     "A-B=fake",      "A B=fake",
        "export A",   "export =fake", "A=fa ke",  "A=fa$ke",     "A=`fake`",    "A=fa\\ke",      "A=fa'ke'",
        "A=fa\"ke",   "A='fake",      "A=\"fake", "A=\"fa$ke\"", "A=\"fa`ke\"", "A=\"fa\\xke\"", "A='fake'x",
        "A='fa''ke'", "A=\"fake\" x", "A=fa\rke", "A=fa\x01ke",  "A=\"fake\\",  "A=\"fake\\\""}) {
    const std::string said = refusal("X=fine\n" + std::string(line) + "\n");
    EXPECT_THAT(said, HasSubstr("x.env:2: ")) << line;
    EXPECT_THAT(said, Not(HasSubstr("fake"))) << line;
  }
  EXPECT_THAT(refusal("A=fake-1\nA=fake-2"), HasSubstr("x.env:2: A is there twice"));
  EXPECT_THAT(refusal(std::string_view("A=fa\0ke", 7)), HasSubstr("NUL"));
}

TEST_F(EnvFileTest, TakesNamesOfCredentialsWhereTheyAreMeant) {
  EXPECT_THAT(shown("openai-main=fake-1\ngit.hub_2='fake'\n", EnvNames::kResources),
              ElementsAre("1 openai-main=fake-1", "2 git.hub_2=fake"));
  EXPECT_THAT(refusal("OPENAI=fake-1", EnvNames::kResources), HasSubstr("x.env:1: "));
}

TEST_F(EnvFileTest, EndsWhateverItIsGiven) {
  constexpr std::string_view kPieces[] = {"A", "=", "'", "\"",      "\\", "\n", "\r",
                                          " ", "#", "$", "export ", "x",  "\t"};
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (unsigned n = random() % 20; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    (void)read(text);
  }
}

// --- What becomes of them ------------------------------------------------------------------------

struct EnvImportTest : EnvFileTest {
  KnownResources known{.upstreams = {"openai", "gitlab", "aws"},
                       .credentials = {{"gitlab-main", {"gitlab", true}}, {"ci", {"gitlab", false}}}};

  std::vector<std::string> plan(std::string_view text, const ImportWishes& wishes = {}) {
    const auto entries = read(text);
    EXPECT_TRUE(entries.has_value());
    const auto steps = plan_import(*entries, wishes, known);
    if (!steps.has_value()) return {std::string(steps.error().what())};
    std::vector<std::string> all;
    for (const ImportStep& step : *steps) {
      constexpr std::string_view kWords[] = {"set", "create", "leave"};
      all.push_back(step.variables + " " + std::string(kWords[static_cast<int>(step.action)]) + " " +
                    step.upstream + "/" + step.credential + (step.was_asked_for ? "!" : ""));
    }
    return all;
  }
};

TEST_F(EnvImportTest, TakesWhatPresetsKnowAndLeavesOutTheRest) {
  EXPECT_THAT(
      plan("OPENAI_API_KEY=fake-1\nDATABASE_URL=fake-2\nGITLAB_TOKEN=fake-3\nSTRIPE_API_KEY=fake-4\n"),
      ElementsAre("OPENAI_API_KEY create openai/openai-main", "DATABASE_URL leave /",
                  "GITLAB_TOKEN leave gitlab/gitlab-main", "STRIPE_API_KEY leave stripe/stripe-main"));
}

TEST_F(EnvImportTest, ReplacesASecretOnlyWhereItIsToldTo) {
  EXPECT_THAT(plan("GITLAB_TOKEN=fake-3\n", {.replaces = true}),
              ElementsAre("GITLAB_TOKEN set gitlab/gitlab-main"));
}

TEST_F(EnvImportTest, PutsASecretTogetherThatStandsInParts) {
  EXPECT_THAT(plan("AWS_SECRET_ACCESS_KEY=fake-2\nX=fake\nAWS_ACCESS_KEY_ID=fake-1\n"),
              ElementsAre("AWS_ACCESS_KEY_ID+AWS_SECRET_ACCESS_KEY create aws/aws-main", "X leave /"));
  EXPECT_THAT(plan("AWS_ACCESS_KEY_ID=fake-1\n"), ElementsAre("AWS_ACCESS_KEY_ID leave /"));
}

TEST_F(EnvImportTest, GoesByWhatItIsToldFirst) {
  EXPECT_THAT(plan("OPENAI_API_KEY=fake-1\nT=fake-2\n", {.maps = {"OPENAI_API_KEY=ci", "T=gitlab/other"}}),
              ElementsAre("OPENAI_API_KEY set gitlab/ci!", "T create gitlab/other!"));
  EXPECT_THAT(plan("T=fake-2\n", {.maps = {"T=openai/ci"}}), ElementsAre("T leave gitlab/ci!"));
  EXPECT_THAT(plan("T=fake-2\n", {.maps = {"T=unheard-of"}}), ElementsAre("T leave /unheard-of!"));
  EXPECT_THAT(plan("T=fake-2\nU=fake-3\n", {.maps = {"T=ci", "U=ci"}}),
              ElementsAre("T set gitlab/ci!", "U leave gitlab/ci!"));
}

TEST_F(EnvImportTest, GivesOneUpstreamNoMoreThanWasNamed) {
  EXPECT_THAT(plan("DNS_KEY=fake-1\nDATABASE_URL=fake-2\n", {.upstream = "gitlab"}),
              ElementsAre(HasSubstr("--only")));
  EXPECT_THAT(plan("DNS_KEY=fake-1\nDATABASE_URL=fake-2\n", {.upstream = "gitlab", .only = {"DNS_KEY"}}),
              ElementsAre("DNS_KEY create gitlab/dns-key!", "DATABASE_URL leave /"));
}

TEST_F(EnvImportTest, SaysWhatItCannotMakeOfWishes) {
  EXPECT_THAT(plan("A=fake-1\n", {.maps = {"A"}}), ElementsAre(HasSubstr("--map takes")));
  EXPECT_THAT(plan("A=fake-1\n", {.maps = {"B=ci"}}), ElementsAre(HasSubstr("there is no B")));
  EXPECT_THAT(plan("A=fake-1\n", {.maps = {"A=Ci"}}), ElementsAre(HasSubstr("a name has")));
  EXPECT_THAT(plan("A=fake-1\n", {.maps = {"A=../ci"}}), ElementsAre(HasSubstr("a name has")));
  EXPECT_THAT(plan("A=fake-1\n", {.only = {"B"}}), ElementsAre(HasSubstr("there is no B")));
}

}  // namespace
}  // namespace claviger::cli
