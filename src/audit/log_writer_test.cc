// SPDX-License-Identifier: Apache-2.0
// The writer and what opens its files, on a disk that fails and loses power at every single operation.
#include "audit/log_writer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <utility>

#include "audit/saved_state.h"
#include "audit/testing/log_life.h"
#include "audit/testing/memory_disk.h"
#include "audit/testing/test_signer.h"
#include "audit/verify.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;
using Life = testing::LogLife;
using testing::MemoryDisk;
using testing::TestSigner;
namespace fs = std::filesystem;

const VerifierKey& key = testing::life_key();
const std::string kText = segment_name(0);

std::string event(std::uint64_t number) {
  return "{\"n\":\"" + std::string(number % 150, 'x') + std::to_string(number) + "\"}";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  return lines;
}

void expect_verifies(const MemoryDisk& disk, const std::string& where) {
  std::string pattern = (fs::temp_directory_path() / "clv-audit-writer-XXXXXX").string();
  const fs::path directory = ::mkdtemp(pattern.data());
  disk.write_to(directory.string());
  const auto report = verify_log({.directory = directory.string(), .key = key.text()});
  EXPECT_TRUE(report.has_value() || report.error().what().starts_with("no checkpoint"))
      << where << ": " << (report.has_value() ? "" : report.error().what());
  fs::remove_all(directory);
}

// Appends and turns until the disk fails or 100 events are through. The events that became durable.
std::uint64_t live(Life& life, std::uint64_t first) {
  for (std::uint64_t i = 0; i < 100; ++i) {
    life.lane().append(event(first + i), i % 10 == 0 ? first + i + 1 : 0);
    if (i % 3 == 0 && !life.turn().has_value()) break;
  }
  return life.lane().synced();
}

TEST(LogWriter, WritesWhatWasAppendedInOrderAndCheckpointsIt) {
  MemoryDisk disk;
  auto life = Life::begin(disk);
  ASSERT_TRUE(life->is_open()) << life->error();
  live(*life, 0);
  ASSERT_TRUE(life->finish().has_value());
  EXPECT_EQ(life->lane().synced(), 100U);
  EXPECT_EQ(life->writer().size(), 100U);
  EXPECT_EQ(life->writer().checkpointed(), 100U);
  const auto lines = lines_of(disk.content(kText));
  ASSERT_EQ(lines.size(), 100U);
  EXPECT_EQ(lines[1], event(1));
  EXPECT_EQ(lines[10], event(10).substr(0, event(10).size() - 1) + ",\"outbox\":11}");
  expect_verifies(disk, "at the end");
}

TEST(LogWriter, SyncsWithinTheWindowAndNotBefore) {
  MemoryDisk disk;
  auto life = Life::begin(disk);
  life->lane().append(event(0));
  ASSERT_TRUE(life->turn(0ms).has_value());
  EXPECT_EQ(lines_of(disk.content(kText)).size(), 1U);
  ASSERT_TRUE(life->turn(19ms).has_value());
  EXPECT_EQ(life->lane().synced(), 0U);
  ASSERT_TRUE(life->turn(1ms).has_value());
  EXPECT_EQ(life->lane().synced(), 1U);
  EXPECT_EQ(life->writer().checkpointed(), 0U);
  ASSERT_TRUE(life->turn(180ms).has_value());
  EXPECT_EQ(life->writer().checkpointed(), 1U);
  const std::uint64_t operations = disk.operations();
  ASSERT_FALSE(*life->turn(10'000ms));
  EXPECT_EQ(disk.operations(), operations);  // nothing to do, nothing done
}

TEST(LogWriter, SyncsAtOnceWhatIsHurriedAndAllThatLiesBesideIt) {
  MemoryDisk disk;
  auto life = Life::begin(disk);
  life->lane().append(event(0));
  life->lane().append(event(1));
  life->lane().hurry();
  life->lane().append(event(2));
  ASSERT_TRUE(life->turn(0ms).has_value());
  EXPECT_EQ(life->lane().synced(), 3U);
  life->lane().append(event(3));
  ASSERT_TRUE(life->turn(1ms).has_value());
  EXPECT_EQ(life->lane().synced(), 3U);
}

TEST(LogWriter, WhatIsHurriedIsToldOnceItIsDurableAndNotBefore) {
  MemoryDisk disk;
  auto life = Life::begin(disk);
  life->lane().append(event(0));
  life->lane().hurry();
  disk.fail_after(2, false);  // the sync
  ASSERT_FALSE(life->turn(0ms).has_value());
  EXPECT_EQ(life->lane().synced(), 0U);
  EXPECT_TRUE(life->lane().is_hurried());
  ASSERT_TRUE(life->turn(0ms).has_value());
  EXPECT_EQ(life->lane().synced(), 1U);
  EXPECT_FALSE(life->lane().is_hurried());
}

TEST(LogWriter, SavesWhereTheOldestCallBeganThatIsOpen) {
  MemoryDisk disk;
  auto life = Life::begin(disk);
  const auto saved = [&] {
    EXPECT_TRUE(life->finish().has_value());
    const auto state = open_state(disk.content(kState), key);
    EXPECT_TRUE(state.has_value());
    return state->oldest_open;
  };
  const auto append = [&](std::uint64_t number, CallMark mark) {
    life->lane().append(event(number), 0, mark);
  };
  const auto size_to = [](std::uint64_t events) {
    std::uint64_t bytes = 0;
    for (std::uint64_t i = 0; i < events; ++i) bytes += event(i).size() + 1;
    return bytes;
  };
  append(0, {});
  EXPECT_EQ(saved(), std::nullopt);
  append(1, {1, CallMark::Kind::kStarted});
  append(2, {});
  append(3, {3, CallMark::Kind::kStarted});
  EXPECT_EQ(saved(), (LogPlace{1, 0, size_to(1)}));
  append(4, {1, CallMark::Kind::kFinished});
  EXPECT_EQ(saved(), (LogPlace{3, 0, size_to(3)}));
  append(5, {3, CallMark::Kind::kFinished});
  EXPECT_EQ(saved(), std::nullopt);
}

TEST(LogWriter, GoesOnAfterAFailureOfAnyOperationWithoutLosingOrRepeatingAnything) {
  for (std::uint64_t at = 1, failed = true; failed; ++at) {
    MemoryDisk disk(static_cast<unsigned>(at));
    auto life = Life::begin(disk);
    ASSERT_TRUE(life->is_open());
    disk.fail_after(at, false);
    for (std::uint64_t i = 0; i < 100; ++i) {
      life->lane().append(event(i));
      if (i % 3 == 0) (void)life->turn();
    }
    while (!life->finish().has_value()) {
    }
    failed = disk.has_failed();
    ASSERT_EQ(life->lane().synced(), 100U) << at;
    disk.lose_power();
    const auto lines = lines_of(disk.content(kText));
    ASSERT_EQ(lines.size(), 100U) << at;
    for (std::uint64_t i = 0; i < 100; ++i) ASSERT_EQ(lines[i], event(i)) << at;
    expect_verifies(disk, "failure " + std::to_string(at));
  }
}

TEST(LogWriter, TakesNothingMoreWhileAnythingFails) {
  MemoryDisk disk;
  auto life = Life::begin(disk);
  live(*life, 0);
  disk.fail_after(1, true);
  life->lane().append(event(100));
  EXPECT_FALSE(life->turn(100ms).has_value());
  for (int i = 0; i < 10; ++i) life->lane().append(event(0));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(life->turn(100ms).has_value());
  EXPECT_TRUE(life->lane().has_events());
  disk.repair();
  ASSERT_TRUE(life->turn().has_value());
  ASSERT_TRUE(life->finish().has_value());
  EXPECT_EQ(life->lane().synced(), life->lane().appended());
  expect_verifies(disk, "after the repair");
}

// An event that comes between the look into the lanes and the taking out of them: it is in none that the next turn looks into.
TEST(LogWriter, CountsWhatCameInTheMiddleOfATurnAsWaiting) {
  MemoryDisk disk;
  auto life = Life::begin(disk);
  disk.fail_after(1, true);
  disk.when_asked_for_space([&life, has_come = false]() mutable {
    if (!std::exchange(has_come, true)) life->lane().append(event(0));
  });
  EXPECT_FALSE(life->turn(2000ms).has_value());
  EXPECT_FALSE(life->lane().has_events());
  EXPECT_FALSE(life->turn(1001ms).has_value());
  EXPECT_TRUE(life->pressure().is_stalled());
  EXPECT_FALSE(life->lane().has_room(life->now()));
}

TEST(LogWriter, NeverTellsOfADurableEventThatAPowerCutTakes) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    for (std::uint64_t at = 1, failed = true; failed; ++at) {
      MemoryDisk disk(seed * 1000 + static_cast<unsigned>(at));
      disk.fail_after(at, true);  // from here on nothing gets there
      std::uint64_t durable = 0;
      if (auto life = Life::begin(disk); life->is_open()) durable = live(*life, 0);
      failed = disk.has_failed();
      disk.lose_power();
      auto life = Life::begin(disk);
      ASSERT_TRUE(life->is_open()) << at << ": " << life->error();
      ASSERT_GE(life->found(), durable) << at;
      const auto lines = lines_of(disk.content(kText));
      ASSERT_EQ(lines.size(), life->found());
      for (std::uint64_t i = 0; i < lines.size(); ++i) {
        ASSERT_TRUE(lines[i].starts_with(event(i).substr(0, event(i).size() - 1))) << at << ": " << lines[i];
        if (i % 10 == 0) ASSERT_GE(life->outbox(), i + 1);
      }
      ASSERT_LE(life->outbox(), life->found());
      live(*life, life->found());
      ASSERT_TRUE(life->finish().has_value());
      expect_verifies(disk, "power cut " + std::to_string(at));
    }
  }
}

// What is mended at opening is durable too: a second cut, at any operation of the opening, changes nothing.
TEST(LogWriter, SurvivesAPowerCutWhileItIsOpenedAfterOne) {
  for (std::uint64_t at = 1, failed = true; failed; ++at) {
    MemoryDisk disk(static_cast<unsigned>(at));
    disk.fail_after(45, true);
    std::uint64_t durable = 0;
    if (auto life = Life::begin(disk); life->is_open()) durable = live(*life, 0);
    ASSERT_GT(durable, 0U);
    // Killed rather than cut off: the page cache still shows what a failed sync never wrote.
    disk.fail_after(at, true);
    if (auto life = Life::begin(disk); life->is_open()) durable = std::max(durable, life->found());
    failed = disk.has_failed();
    disk.lose_power();
    auto life = Life::begin(disk);
    ASSERT_TRUE(life->is_open()) << at << ": " << life->error();
    EXPECT_GE(life->found(), durable) << at;
    ASSERT_TRUE(life->finish().has_value());
    expect_verifies(disk, "second cut " + std::to_string(at));
  }
}

// A finished log of 100 events with checkpoints up to the last.
MemoryDisk finished(std::uint64_t tail = 0) {
  MemoryDisk disk;
  auto life = Life::begin(disk);
  live(*life, 0);
  EXPECT_TRUE(life->finish().has_value());
  for (std::uint64_t i = 0; i < tail; ++i) life->lane().append(event(100 + i));
  EXPECT_TRUE(life->turn(0ms).has_value());
  EXPECT_TRUE(life->turn(20ms).has_value());
  return disk;
}

TEST(OpenLogFiles, CutsATornTailAtEveryLength) {
  const MemoryDisk whole = finished(5);
  const std::string text = whole.contents().at(kText);
  std::size_t begin = text.size();
  for (int i = 0; i < 6; ++i) begin = text.rfind('\n', begin - 1);
  for (std::size_t size = begin + 1; size <= text.size(); ++size) {
    MemoryDisk disk = finished(5);
    disk.content(kText).resize(size);
    auto life = Life::begin(disk);
    ASSERT_TRUE(life->is_open()) << size << ": " << life->error();
    const auto lines = lines_of(text.substr(0, size));
    EXPECT_EQ(life->found(), lines.size());
    EXPECT_EQ(disk.content(kText), text.substr(0, text.substr(0, size).rfind('\n') + 1));
    ASSERT_TRUE(life->finish().has_value());
    expect_verifies(disk, "cut at " + std::to_string(size));
  }
}

TEST(OpenLogFiles, RefusesALogThatIsShorterThanItsCheckpoint) {
  MemoryDisk disk = finished();
  const std::size_t size = disk.content(kText).size();
  for (const std::size_t cut : {std::size_t{1}, std::size_t{60}, size / 2, size}) {
    MemoryDisk shorter = finished();
    shorter.content(kText).resize(size - cut);
    EXPECT_FALSE(Life::begin(shorter)->is_open()) << cut;
    shorter.content(kState).clear();
    const auto life = Life::begin(shorter);
    EXPECT_FALSE(life->is_open()) << cut;
    EXPECT_NE(life->error().find("vouches for 100"), std::string::npos) << life->error();
    EXPECT_EQ(shorter.content(kText).size(), size - cut);  // nothing is mended away
  }
}

TEST(OpenLogFiles, RefusesTextThatContradictsTheLastCheckpointWithoutATouchOfIt) {
  for (std::size_t i = 0; i < 100; i += 7) {
    MemoryDisk disk = finished();
    disk.content(kState).clear();  // else only what lies behind it is looked at
    std::string& text = disk.content(kText);
    text[text.size() * i / 100 + 8] ^= 1;
    const auto before = disk.contents();
    const auto life = Life::begin(disk);
    EXPECT_FALSE(life->is_open());
    EXPECT_NE(life->error().find("audit verify"), std::string::npos) << life->error();
    EXPECT_EQ(disk.contents(), before);
  }
}

TEST(OpenLogFiles, MakesMissingOrShortLeavesAnewFromTextThatItChecked) {
  for (const std::size_t keep : {0U, 31U, 32U, 32U * 50U}) {
    MemoryDisk disk = finished(5);
    const std::string leaves = disk.content(leaves_name(0));
    disk.content(leaves_name(0)).resize(keep);
    auto life = Life::begin(disk);
    ASSERT_TRUE(life->is_open()) << life->error();
    ASSERT_TRUE(life->finish().has_value());
    EXPECT_EQ(disk.content(leaves_name(0)).substr(0, leaves.size()), leaves);
    expect_verifies(disk, "leaves");

    MemoryDisk altered = finished(5);
    altered.content(leaves_name(0)).resize(keep);
    altered.content(kText)[20] ^= 1;
    EXPECT_FALSE(Life::begin(altered)->is_open());
  }
}

TEST(OpenLogFiles, RefusesLogsOfOtherKeysAndCheckpointsThatWereTakenAway) {
  TestSigner other(2);
  const VerifierKey others{"claviger/test", other.public_key()};
  MemoryDisk disk = finished();
  auto directory = disk.attach();
  const auto opened = open_log_files(*directory, others);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().what().find("another key"), std::string_view::npos);

  std::string& checkpoints = disk.content(checkpoints_name(0));
  const std::string all = checkpoints;
  checkpoints.resize(last_note(checkpoints).begin);
  const auto life = Life::begin(disk);
  EXPECT_FALSE(life->is_open());
  EXPECT_NE(life->error().find("size 100 is missing"), std::string::npos) << life->error();
  for (const std::string& bad : {all + "x", all + "\n", all + "claviger/other\n"}) {
    checkpoints = bad;
    EXPECT_FALSE(Life::begin(disk)->is_open()) << bad;
  }
  checkpoints = all + "claviger/test\n120\nAAA";  // cut short by a crash
  EXPECT_TRUE(Life::begin(disk)->is_open());
  EXPECT_EQ(disk.content(checkpoints_name(0)), all);
}

TEST(OpenLogFiles, TakesAStateThatWasPutBackOrForgedForNoMoreThanItIs) {
  MemoryDisk early = finished();
  const std::string old_state = early.content(kState);
  MemoryDisk disk = finished();
  {
    auto life = Life::begin(disk);
    live(*life, 100);
    ASSERT_TRUE(life->finish().has_value());
  }
  disk.content(kState) = old_state;
  auto life = Life::begin(disk);
  ASSERT_TRUE(life->is_open()) << life->error();
  EXPECT_EQ(life->found(), 200U);
  EXPECT_EQ(life->outbox(), 191U);
  std::string& state = disk.content(kState);
  for (std::size_t i = 0; i < state.size(); i += 5) {
    state = old_state;
    state[i] ^= 1;
    life = Life::begin(disk);
    ASSERT_TRUE(life->is_open()) << life->error();
    EXPECT_EQ(life->found(), 200U);
    EXPECT_EQ(life->outbox(), 191U);
  }
}

}  // namespace
}  // namespace claviger::audit
