// SPDX-License-Identifier: Apache-2.0
#include "audit/key_chain.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "audit/event.h"
#include "audit/testing/test_signer.h"

namespace claviger::audit {
namespace {

using testing::TestSigner;

VerifierKey key_of(unsigned char seed, const std::string& name = "claviger/test") {
  return {name, TestSigner(seed).public_key()};
}
const std::array<VerifierKey, 5> kKeys = {key_of(10), key_of(1), key_of(2), key_of(3), key_of(4)};

KeyChain chain_of(std::initializer_list<std::size_t> keys) {
  KeyChain chain(kKeys[*keys.begin()]);
  for (const std::size_t* key = keys.begin() + 1; key != keys.end(); ++key)
    EXPECT_TRUE(chain.add(kKeys[*key]).has_value());
  return chain;
}

std::string rotation(std::size_t from, std::size_t to) {
  return key_rotated_event(WallTime{}, {.from = kKeys[from], .to = kKeys[to]});
}
std::string checkpoint(std::size_t key, std::uint64_t size) {
  TestSigner signer(key == 0 ? 10 : static_cast<unsigned char>(key));
  return sign_checkpoint({size, {}}, kKeys[key], signer);
}

TEST(KeyChain, IsAListOfKeysOfOneNameOldestFirst) {
  const KeyChain chain = chain_of({1, 2, 3});
  EXPECT_EQ(chain.text(), kKeys[1].text() + "\n" + kKeys[2].text() + "\n" + kKeys[3].text() + "\n");
  EXPECT_EQ(*KeyChain::parse(chain.text()), chain);
  EXPECT_EQ(chain.first(), kKeys[1]);
  EXPECT_EQ(chain.current(), kKeys[3]);
  EXPECT_EQ(chain.origin(), "claviger/test");
  EXPECT_TRUE(chain.has(kKeys[2]));
  EXPECT_FALSE(chain.has(kKeys[4]));
}

TEST(KeyChain, RefusesWhatIsNone) {
  const std::string one = kKeys[1].text() + "\n";
  const std::string two = kKeys[2].text() + "\n";
  for (const std::string& bad :
       {std::string(), std::string("\n"), kKeys[1].text(), one + kKeys[2].text(), one + "\n",
        one + "\n" + two, one + one, one + two + one, one + key_of(2, "claviger/other").text() + "\n",
        "x" + one, one + " " + two, std::string(KeyChain::kMaxText + 1, 'x')})
    EXPECT_FALSE(KeyChain::parse(bad).has_value()) << bad.substr(0, 200);
}

TEST(KeyRotatedEvent, IsFoundInItsLineAndInNoOther) {
  const KeyRotated rotated{.from = kKeys[1], .to = kKeys[2]};
  const std::string line = key_rotated_event(WallTime{}, rotated);
  EXPECT_EQ(find_key_rotated(line), rotated);
  const std::string inner = line.substr(1, line.size() - 2);
  for (const std::string& other :
       {std::string(), std::string("{}"), line.substr(0, line.size() - 1), line + "x", rotation(1, 1),
        Event(WallTime{}, "audit.key_in_use").add("from", kKeys[1].text()).add("to", kKeys[2].text()).text(),
        Event(WallTime{}, "audit.key_rotated").add("from", kKeys[1].text()).text(),
        Event(WallTime{}, "audit.key_rotated").add("from", "x").add("to", kKeys[2].text()).text(),
        Event(WallTime{}, "audit.key_rotated")
            .add("from", key_of(1, "other").text())
            .add("to", kKeys[2].text())
            .text(),
        // What somebody else chose stands inside of something.
        Event(WallTime{}, "grant.created").add("name", line).text(),
        Event(WallTime{}, "grant.created").add_json("after", line).text(), "{\"x\":" + line + "}",
        "{\"type\":\"call.finished\"," + inner + "}", "{" + inner + ",\"from\":\"x\"}"})
    EXPECT_EQ(find_key_rotated(other), std::nullopt) << other;
}

// Walks a log of steps: "1@20", a checkpoint of key 1 and size 20; "1>2", an event. Returns what was accepted last.
struct Walked {
  std::size_t steps = 0;
  std::string error;
};
struct Step {
  std::size_t from;
  std::size_t to;  // 0: a checkpoint
  std::uint64_t at;  // its size; the event's number
};
Walked walk(KeyWalk& keys, const std::vector<Step>& steps) {
  Walked walked;
  for (const Step& step : steps) {
    if (step.to != 0) {
      keys.pass(rotation(step.from, step.to), step.at);
    } else if (const auto opened = keys.open(checkpoint(step.from, step.at)); !opened.has_value()) {
      walked.error = opened.error().what();
      return walked;
    }
    ++walked.steps;
  }
  return walked;
}
bool accepts(KeyChain listed, const std::vector<Step>& steps, bool begins_late = false) {
  KeyWalk keys(std::move(listed), begins_late);
  return walk(keys, steps).steps == steps.size();
}
bool refuses_last(KeyChain listed, const std::vector<Step>& steps) {
  KeyWalk keys(std::move(listed));
  return walk(keys, steps).steps == steps.size() - 1;
}

TEST(KeyWalk, FollowsTheKeysFromEventToEvent) {
  const std::vector<Step> whole = {{1, 0, 5},  {1, 2, 7},  {1, 0, 8},  {2, 0, 9},
                                   {2, 0, 20}, {2, 3, 20}, {2, 0, 21}, {3, 0, 30}};
  KeyWalk keys(chain_of({1, 2, 3}));
  EXPECT_EQ(walk(keys, whole).steps, whole.size());
  EXPECT_EQ(keys.current(), kKeys[3]);
  EXPECT_EQ(keys.signers(), (std::vector{kKeys[1], kKeys[2], kKeys[3]}));
  EXPECT_TRUE(keys.has_signed(kKeys[2]));
  EXPECT_FALSE(keys.has_signed(kKeys[4]));
  EXPECT_TRUE(accepts(chain_of({1}), whole));  // the others are learned
  EXPECT_TRUE(accepts(chain_of({1, 2, 3, 4}), whole));  // 4 was announced, and has not signed yet
  EXPECT_FALSE(accepts(chain_of({2}), whole));  // who signed before is not known
}

TEST(KeyWalk, LetsTheNextKeySignOnceTheOneBeforeHasVouchedForTheEvent) {
  EXPECT_TRUE(refuses_last(chain_of({1, 2}), {{1, 0, 5}, {2, 0, 6}}));  // no event
  EXPECT_TRUE(refuses_last(chain_of({1, 2}),
                           {{1, 0, 5}, {1, 2, 5}, {2, 0, 8}}));  // not covered: the numbers begin with 0
  EXPECT_TRUE(refuses_last(chain_of({1, 2}), {{1, 2, 0}, {2, 0, 8}}));  // by nobody
  EXPECT_TRUE(accepts(chain_of({1, 2}), {{1, 0, 5}, {1, 2, 5}, {1, 0, 6}, {2, 0, 8}}));
  EXPECT_TRUE(refuses_last(chain_of({1, 2}),
                           {{1, 2, 5}, {1, 0, 6}, {2, 0, 8}, {1, 0, 9}}));  // never the old one again
  EXPECT_TRUE(
      refuses_last(chain_of({1, 3}), {{1, 2, 5}, {1, 0, 6}, {2, 0, 8}}));  // not the one that is listed
  EXPECT_TRUE(
      refuses_last(chain_of({1, 2}), {{3, 2, 5}, {1, 0, 6}, {2, 0, 8}}));  // not the current key's to say
}

TEST(KeyWalk, TakesTheSameEventTwiceAndAnnouncementsThatCameToNothing) {
  EXPECT_TRUE(accepts(chain_of({1, 2}), {{1, 2, 5}, {1, 0, 6}, {1, 2, 7}, {1, 0, 8}, {2, 0, 9}}));
  EXPECT_TRUE(accepts(chain_of({1, 2}), {{1, 4, 5}, {1, 0, 6}, {1, 2, 7}, {1, 0, 8}, {2, 0, 9}}));
  EXPECT_TRUE(accepts(chain_of({1}), {{1, 4, 5}, {1, 0, 6}, {1, 2, 7}, {1, 0, 8}, {2, 0, 9}}));
  EXPECT_TRUE(refuses_last(chain_of({1}), {{1, 4, 5}, {1, 0, 6}, {1, 2, 7}, {1, 0, 8}, {4, 0, 9}}));
  EXPECT_TRUE(accepts(chain_of({1}), {{1, 4, 5}, {1, 0, 6}, {1, 0, 9}}));
}

TEST(KeyWalk, BeginsAPrunedLogWithWhicheverListedKeySignedFirst) {
  const std::vector<Step> kept = {{2, 0, 20}, {2, 3, 20}, {2, 0, 21}, {3, 0, 30}};
  EXPECT_TRUE(accepts(chain_of({1, 2, 3}), kept, true));
  EXPECT_FALSE(accepts(chain_of({1, 2, 3}), kept, false));
  EXPECT_TRUE(accepts(chain_of({1, 2, 3}), {{2, 3, 20}, {2, 0, 21}, {3, 0, 30}}, true));
  EXPECT_FALSE(accepts(chain_of({1, 3}), kept, true));
  EXPECT_FALSE(accepts(chain_of({1, 2, 3}), {{2, 0, 20}, {1, 0, 21}}, true));
}

TEST(KeyWalk, HoldsACheckpointFromElsewhereToItsPlace) {
  KeyWalk keys(chain_of({1, 2}));
  ASSERT_EQ(walk(keys, {{1, 0, 5}, {1, 2, 7}, {1, 0, 8}, {2, 0, 12}, {2, 0, 20}}).steps, 5U);
  for (const auto& [key, size] : {std::pair{1, 3}, {1, 5}, {1, 9}, {1, 11}, {2, 9}, {2, 15}, {2, 25}})
    EXPECT_TRUE(
        keys.open_elsewhere(checkpoint(static_cast<std::size_t>(key), static_cast<std::uint64_t>(size)))
            .has_value())
        << key << " " << size;
  for (const auto& [key, size] : {std::pair{1, 12}, {1, 20}, {2, 8}, {2, 3}, {3, 15}})
    EXPECT_FALSE(
        keys.open_elsewhere(checkpoint(static_cast<std::size_t>(key), static_cast<std::uint64_t>(size)))
            .has_value())
        << key << " " << size;
}

}  // namespace
}  // namespace claviger::audit
