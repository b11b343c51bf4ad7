// SPDX-License-Identifier: Apache-2.0
// Segments, from their beginning to their removal, on a disk that fails and loses power at every single operation.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "audit/log_files.h"
#include "audit/pruned.h"
#include "audit/testing/log_life.h"
#include "audit/testing/memory_disk.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;
using Life = testing::LogLife;
using testing::find_fault;
using testing::kept_lines;
using testing::MemoryDisk;

constexpr std::uint64_t kEvents = 40;
// As far as the clock of a life has got in the meantime, it is the first of January.
constexpr const char* kTime = "2026-01-01T00:00:00.000Z";

std::string event(std::uint64_t number) {
  return R"({"v":1,"time":")" + std::string(kTime) + R"(","type":"test","n":)" + std::to_string(number) + "}";
}

// About seven events in each.
LogOptions small_segments() {
  LogOptions options = testing::life_options();
  options.segment_bytes = 400;
  options.retain_age = 0ms;
  return options;
}
// And about three of them.
LogOptions pruned() {
  LogOptions options = small_segments();
  options.retain_bytes = 2600;
  return options;
}

// Appends and turns until the disk fails or all events are through. Those that became durable.
std::uint64_t live(Life& life, std::uint64_t first, std::uint64_t events = kEvents) {
  for (std::uint64_t i = 0; i < events; ++i) {
    life.lane().append(event(first + i));
    if (i % 3 == 0 && !life.turn().has_value()) break;
  }
  return life.lane().synced();
}
// Until nothing is left to do.
void settle(Life& life) {
  for (int i = 0; i < 50; ++i) (void)life.turn(300ms);
}

std::vector<std::uint64_t> segments_of(const MemoryDisk& disk) {
  std::vector<std::uint64_t> all;
  for (const auto& [name, text] : disk.contents())
    if (const auto first = segment_of(name); first && name == segment_name(*first)) all.push_back(*first);
  return all;
}

// What is kept, without what the log says of itself: the numbers that were appended, up to the last.
std::vector<std::uint64_t> kept_events(const MemoryDisk& disk) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& line : kept_lines(disk)) {
    if (find_pruned_event(line)) continue;
    const std::size_t at = line.rfind(':') + 1;
    numbers.push_back(base::parse_decimal(line.substr(at, line.size() - at - 1)).value_or(UINT64_MAX));
  }
  return numbers;
}
bool are_consecutive(const std::vector<std::uint64_t>& numbers) {
  return std::ranges::adjacent_find(numbers, [](auto a, auto b) { return b != a + 1; }) == numbers.end();
}

TEST(Segments, BeginWhereTheOneBeforeIsFull) {
  MemoryDisk disk;
  auto life = Life::begin(disk, small_segments());
  live(*life, 0);
  settle(*life);
  const auto segments = segments_of(disk);
  ASSERT_GE(segments.size(), 4U);
  EXPECT_EQ(find_fault(disk), "");
  EXPECT_EQ(kept_events(disk).size(), kEvents);
  for (const std::uint64_t first : segments) {
    EXPECT_TRUE(disk.has(leaves_name(first)) && disk.has(checkpoints_name(first)));
    if (first != segments.back()) EXPECT_GE(disk.content(segment_name(first)).size(), 400U);
  }
  EXPECT_EQ(life->writer().segments(), segments.size());
  EXPECT_EQ(life->writer().first_event(), 0U);
  std::uint64_t bytes = 0;
  for (const auto& [name, text] : disk.contents())
    if (segment_of(name)) bytes += text.size();
  EXPECT_EQ(life->writer().bytes(), bytes);
}

TEST(Segments, EndByAgeWhenNothingComesAndNeverEmpty) {
  MemoryDisk disk;
  LogOptions options = small_segments();
  options.segment_age = 1h;
  auto life = Life::begin(disk, options);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(life->turn(10min).has_value());
  EXPECT_EQ(segments_of(disk).size(), 1U);
  life->lane().append(event(0));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(life->turn(10min).has_value());
  EXPECT_EQ(segments_of(disk).size(), 1U);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(life->turn(10min).has_value());
  EXPECT_EQ(segments_of(disk), (std::vector<std::uint64_t>{0, 1}));
  EXPECT_EQ(find_fault(disk), "");
}

// The age counts from the first event, over restarts.
TEST(Segments, EndByAgeThatBeganInAnotherLife) {
  MemoryDisk disk;
  LogOptions options = small_segments();
  options.segment_age = 1h;
  live(*Life::begin(disk, options), 0, 2);
  auto life = Life::begin(disk, options);
  life->step_clock(61min);
  ASSERT_TRUE(life->turn(2000ms).has_value());
  EXPECT_EQ(segments_of(disk).size(), 2U);
}

TEST(Segments, AreOpenedWithALookAtTheLastOneOnly) {
  MemoryDisk disk;
  auto life = Life::begin(disk, small_segments());
  live(*life, 0);
  settle(*life);
  disk.content(segment_name(0))[5] ^= 1;
  life = Life::begin(disk, small_segments());
  EXPECT_TRUE(life->is_open()) << life->error();
  EXPECT_EQ(life->found(), kEvents);
  disk.content(kState).clear();
  EXPECT_FALSE(Life::begin(disk, small_segments())->is_open());
  disk.content(segment_name(0))[5] ^= 1;
  EXPECT_TRUE(Life::begin(disk, small_segments())->is_open());
}

TEST(Segments, GoOnAfterAFailureOfAnyOperationWithoutLosingOrRepeatingAnything) {
  for (std::uint64_t at = 1, failed = true; failed; ++at) {
    MemoryDisk disk(static_cast<unsigned>(at));
    auto life = Life::begin(disk, pruned());
    ASSERT_TRUE(life->is_open());
    disk.fail_after(at, false);
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      life->lane().append(event(i));
      if (i % 3 == 0) (void)life->turn();
    }
    settle(*life);
    while (!life->finish().has_value()) {
    }
    failed = disk.has_failed();
    ASSERT_EQ(life->lane().synced(), kEvents) << at;
    ASSERT_EQ(life->writer().upkeep_failure(), "") << at;
    disk.lose_power();
    ASSERT_EQ(find_fault(disk), "") << at;
    const auto kept = kept_events(disk);
    ASSERT_TRUE(are_consecutive(kept)) << at;
    if (!kept.empty()) ASSERT_EQ(kept.back(), kEvents - 1) << at;
    ASSERT_EQ(segments_of(disk).front(), life->writer().first_event()) << at;
  }
}

TEST(Segments, LoseNothingInAPowerCutAtAnyOperation) {
  for (std::uint64_t at = 1, failed = true; failed; ++at) {
    MemoryDisk disk(1000 + static_cast<unsigned>(at));
    disk.fail_after(at, true);
    std::uint64_t durable = 0;
    if (auto life = Life::begin(disk, pruned()); life->is_open()) {
      durable = live(*life, 0);
      settle(*life);
      durable = life->lane().synced();
    }
    failed = disk.has_failed();
    disk.lose_power();
    auto life = Life::begin(disk, pruned());
    ASSERT_TRUE(life->is_open()) << at << ": " << life->error();
    auto kept = kept_events(disk);
    ASSERT_TRUE(are_consecutive(kept)) << at;
    ASSERT_GE(kept.empty() ? 0 : kept.back() + 1, durable) << at;
    live(*life, kept.empty() ? 0 : kept.back() + 1);
    settle(*life);
    ASSERT_TRUE(life->finish().has_value());
    ASSERT_EQ(life->writer().upkeep_failure(), "") << at;
    ASSERT_EQ(find_fault(disk), "") << at;
    kept = kept_events(disk);
    ASSERT_TRUE(are_consecutive(kept)) << at;
    ASSERT_GE(kept.back(), kEvents - 1) << at;
    ASSERT_EQ(segments_of(disk).front(), life->writer().first_event()) << at;
  }
}

// What is mended at opening is durable too: a second cut, at any operation of the opening, changes nothing.
TEST(Segments, SurviveAPowerCutWhileTheyAreOpenedAfterOne) {
  for (std::uint64_t first = 30; first < 150; first += 17) {
    for (std::uint64_t at = 1, failed = true; failed; ++at) {
      MemoryDisk disk(static_cast<unsigned>(first * 1000 + at));
      disk.fail_after(first, true);
      std::uint64_t durable = 0;
      if (auto life = Life::begin(disk, pruned()); life->is_open()) durable = live(*life, 0);
      // Killed rather than cut off: the page cache still shows what a failed sync never wrote.
      disk.fail_after(at, true);
      (void)Life::begin(disk, pruned());
      failed = disk.has_failed();
      disk.lose_power();
      auto life = Life::begin(disk, pruned());
      ASSERT_TRUE(life->is_open()) << first << ", " << at << ": " << life->error();
      const auto kept = kept_events(disk);
      ASSERT_GE(kept.empty() ? 0 : kept.back() + 1, durable) << first << ", " << at;
      ASSERT_TRUE(life->finish().has_value());
      ASSERT_EQ(find_fault(disk), "") << first << ", " << at;
    }
  }
}

TEST(Retention, BySizePrunesTheOldestSegmentsAndTellsOfItFirst) {
  MemoryDisk disk;
  auto life = Life::begin(disk, pruned());
  live(*life, 0);
  settle(*life);
  EXPECT_EQ(find_fault(disk), "");
  EXPECT_LE(life->writer().bytes(), 2600U);
  EXPECT_GT(life->writer().first_event(), 0U);
  EXPECT_GE(life->writer().segments(), 2U);
  const auto lines = kept_lines(disk);
  const auto told = std::ranges::find_if(
      lines, [](const std::string& line) { return line.ends_with(R"("reason":"size"})"); });
  ASSERT_NE(told, lines.end());
  ASSERT_TRUE(find_pruned_event(*told));
  EXPECT_NE(told->find(segment_name(find_pruned_event(*told)->first)), std::string::npos);
}

TEST(Retention, NeverPrunesTheSegmentThatIsWritten) {
  MemoryDisk disk;
  LogOptions options = pruned();
  options.retain_bytes = 1;
  auto life = Life::begin(disk, options);
  live(*life, 0);
  settle(*life);
  EXPECT_EQ(life->writer().upkeep_failure(), "");
  EXPECT_GE(segments_of(disk).size(), 1U);
  EXPECT_FALSE(kept_lines(disk).empty());
  EXPECT_EQ(find_fault(disk), "");
}

TEST(Retention, ByAgePrunesWhatEndedLongEnoughAgo) {
  MemoryDisk disk;
  LogOptions options = small_segments();
  options.retain_age = 24h;
  auto life = Life::begin(disk, options);
  live(*life, 0);
  settle(*life);
  const std::size_t before = segments_of(disk).size();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(life->turn(4h).has_value());
  EXPECT_EQ(segments_of(disk).size(), before);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(life->turn(1h).has_value());
  EXPECT_LE(segments_of(disk).size(), 2U);
  EXPECT_GT(life->writer().first_event(), 0U);
  EXPECT_EQ(find_fault(disk), "");
}

TEST(Retention, ByAgeWaitsForAClockThatIsSteady) {
  MemoryDisk disk;
  LogOptions options = small_segments();
  options.retain_age = 24h;
  auto life = Life::begin(disk, options);
  live(*life, 0);
  settle(*life);
  ASSERT_TRUE(life->turn(20min).has_value());
  life->step_clock(std::chrono::days(1000));
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(life->turn(1min).has_value());
  EXPECT_EQ(life->writer().first_event(), 0U);
  life->step_clock(-std::chrono::days(1000));  // somebody noticed
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(life->turn(1min).has_value());
  EXPECT_EQ(life->writer().first_event(), 0U);
  life->step_clock(std::chrono::days(2));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(life->turn(1min).has_value());
  EXPECT_GT(life->writer().first_event(), 0U);
}

TEST(Retention, BelievesTheTextWhereTheLeavesAreWrongAndNeitherWhereBothAre) {
  for (const bool is_text_altered : {false, true}) {
    MemoryDisk disk;
    {
      auto life = Life::begin(disk, small_segments());
      live(*life, 0);
      settle(*life);
    }
    disk.content(leaves_name(0))[40] ^= 1;
    if (is_text_altered) disk.content(segment_name(0))[60] ^= 1;
    const auto segments = segments_of(disk);
    auto life = Life::begin(disk, pruned());
    ASSERT_TRUE(life->is_open()) << life->error();
    settle(*life);
    if (is_text_altered) {
      EXPECT_NE(life->writer().upkeep_failure().find("vouches for"), std::string::npos);
      EXPECT_EQ(segments_of(disk), segments);
      EXPECT_FALSE(disk.has(kPruned));
    } else {
      EXPECT_EQ(life->writer().upkeep_failure(), "");
      EXPECT_GT(segments_of(disk).front(), 0U);
      EXPECT_EQ(find_fault(disk), "");
    }
  }
}

// What the signed file says is gone; the event before it says only what was to go.
TEST(Retention, IsCompletedAtTheNextStartOnceItIsSignedAndDecidedAgainBefore) {
  std::uint64_t completed = 0, decided_again = 0;
  for (std::uint64_t at = 1, failed = true; failed; ++at) {
    MemoryDisk disk(static_cast<unsigned>(at));
    {
      auto life = Life::begin(disk, small_segments());
      live(*life, 0);
      ASSERT_TRUE(life->finish().has_value());
      settle(*life);
    }
    disk.fail_after(at, true);
    if (auto life = Life::begin(disk, pruned()); life->is_open()) settle(*life);
    failed = disk.has_failed();
    disk.lose_power();
    std::uint64_t told = 0;
    for (const std::string& line : kept_lines(disk))
      if (const auto event = find_pruned_event(line)) told = event->tree.size();
    const std::uint64_t gone =
        disk.has(kPruned) ? open_pruned(disk.content(kPruned), testing::life_key())->size() : 0;
    completed += segments_of(disk).front() < gone ? 1 : 0;
    decided_again += told > gone ? 1 : 0;
    for (const LogOptions& options : {small_segments(), pruned()}) {
      auto life = Life::begin(disk, options);
      ASSERT_TRUE(life->is_open()) << at << ": " << life->error();
      settle(*life);
      ASSERT_TRUE(life->finish().has_value());
      ASSERT_EQ(find_fault(disk), "") << at;
      ASSERT_EQ(kept_events(disk).back(), kEvents - 1) << at;
      if (options.retain_bytes == 0) ASSERT_EQ(segments_of(disk).front(), gone) << at;
      else ASSERT_GE(segments_of(disk).front(), std::max<std::uint64_t>(told, 1)) << at;
    }
  }
  EXPECT_GT(completed, 3U);
  EXPECT_GT(decided_again, 3U);
}

// Somebody who can write the directory, and cannot sign. Even what fits is not carried out.
TEST(Retention, IsNotTakenFromTheText) {
  MemoryDisk disk;
  {
    auto life = Life::begin(disk, small_segments());
    live(*life, 0);
    settle(*life);
  }
  const auto segments = segments_of(disk);
  const auto lines = kept_lines(disk);
  crypto::MerkleTree tree;
  for (std::uint64_t i = 0; i < segments[1]; ++i) tree.append(crypto::merkle_leaf(lines[i]));
  disk.content(segment_name(segments.back())) +=
      pruned_event(WallTime{}, 0, std::vector<std::uint64_t>{0}, tree, PruneReason::kAge) + "\n";
  auto life = Life::begin(disk, small_segments());
  ASSERT_TRUE(life->is_open()) << life->error();
  settle(*life);
  EXPECT_TRUE(std::ranges::includes(segments_of(disk), segments));
  EXPECT_FALSE(disk.has(kPruned));
  EXPECT_EQ(find_fault(disk), "");
}

// Else an older store would pass for the one that the log knows.
TEST(Retention, KeepsTheHighestOutboxEntryOfWhatIsGoneWithoutAState) {
  MemoryDisk disk;
  {
    auto life = Life::begin(disk, pruned());
    life->lane().append(event(0), 41);
    life->lane().append(event(1), 17);
    live(*life, 2);
    live(*life, 2 + kEvents);  // what told of the first pruning is pruned as well
    settle(*life);
    ASSERT_TRUE(life->finish().has_value());
    ASSERT_GT(life->writer().first_event(), kEvents);
  }
  EXPECT_EQ(find_fault(disk), "");
  disk.remove(kState);
  const auto life = Life::begin(disk, pruned());
  ASSERT_TRUE(life->is_open()) << life->error();
  EXPECT_EQ(life->outbox(), 41U);
}

// However much is due at once: events wait for the writer meanwhile.
TEST(Retention, RemovesOneSegmentInATurnAndSyncsTheDirectoryOnceForIt) {
  MemoryDisk disk;
  {
    auto life = Life::begin(disk, small_segments());
    live(*life, 0);
    settle(*life);
  }
  LogOptions options = pruned();
  options.retain_bytes = 1;
  auto life = Life::begin(disk, options);
  std::size_t left = segments_of(disk).size(), turns = 0;
  ASSERT_GE(left, 4U);
  for (int i = 0; i < 50; ++i) {
    const std::uint64_t before = disk.operations();
    ASSERT_TRUE(life->turn(10ms).has_value());
    const std::size_t now = segments_of(disk).size();
    ASSERT_GE(now + 1, left);
    turns += now < left ? 1 : 0;
    if (now < left && turns > 1 && now > 1) EXPECT_EQ(disk.operations() - before, 1U);
    left = now;
  }
  EXPECT_EQ(left, 1U);
  EXPECT_GE(turns, 3U);
  settle(*life);
  EXPECT_EQ(find_fault(disk), "");
}

TEST(OpenSegments, RefusesALogOfWhichASegmentOrANoteIsMissingOrForeign) {
  MemoryDisk disk;
  {
    auto life = Life::begin(disk, pruned());
    live(*life, 0);
    settle(*life);
    life->lane().append(event(kEvents));  // so that the last segment is not empty
    settle(*life);
  }
  const auto segments = segments_of(disk);
  ASSERT_GE(segments.size(), 2U);
  const auto fails_without = [&](const std::vector<std::string>& names) {
    MemoryDisk copy = disk.copy();
    for (const std::string& name : names) copy.remove(name);
    const auto life = Life::begin(copy, pruned());
    EXPECT_FALSE(life->is_open()) << names.front();
    EXPECT_NE(life->error().find("altered or damaged"), std::string::npos) << life->error();
  };
  fails_without({segment_name(segments.front())});
  fails_without(
      {segment_name(segments.back()), leaves_name(segments.back()), checkpoints_name(segments.back())});
  fails_without({kPruned});
  fails_without({kState, checkpoints_name(segments.back()), segment_name(segments.back())});
  MemoryDisk forged = disk.copy();
  forged.content(kPruned)[30] ^= 1;
  EXPECT_FALSE(Life::begin(forged, pruned())->is_open());
  EXPECT_TRUE(Life::begin(disk, pruned())->is_open());
}

// What the version before segments left behind.
TEST(OpenSegments, AdoptsALogThatHasNone) {
  MemoryDisk disk;
  {
    auto life = Life::begin(disk);
    live(*life, 0);
    ASSERT_TRUE(life->finish().has_value());
  }
  const auto state = open_state(disk.content(kState), testing::life_key());
  ASSERT_TRUE(state.has_value());
  std::string old = "claviger audit state v1\nclaviger/test\n" + std::to_string(state->tree.size()) + "\n" +
                    std::to_string(state->bytes) + "\n0\n";
  std::array<crypto::Sha256Digest, 64> frontier;
  for (std::size_t i = 0; i < state->tree.frontier(frontier); ++i) old += to_base64(frontier[i]) + "\n";
  disk.content(kState) = sign_note(old, testing::life_key(), testing::life_signer());
  disk.rename(checkpoints_name(0), kCheckpoints);
  MemoryDisk both = disk.copy();
  {
    auto life = Life::begin(disk);
    ASSERT_TRUE(life->is_open()) << life->error();
    EXPECT_EQ(life->found(), kEvents);
    live(*life, kEvents);
    ASSERT_TRUE(life->finish().has_value());
  }
  EXPECT_FALSE(disk.has(kCheckpoints));
  EXPECT_EQ(find_fault(disk), "");
  both.put(checkpoints_name(0), "");
  EXPECT_FALSE(Life::begin(both)->is_open());
}

TEST(Segments, GoOnInTheOneThereIsWhileTheNextCannotBeMade) {
  MemoryDisk disk;
  auto life = Life::begin(disk, small_segments());
  life->lane().append(event(0));
  for (std::uint64_t i = 1; i < 100; ++i) disk.put(leaves_name(i), "something else");
  live(*life, 1);
  settle(*life);
  EXPECT_NE(life->writer().upkeep_failure().find("in the way"), std::string::npos)
      << life->writer().upkeep_failure();
  live(*life, kEvents + 1);
  settle(*life);
  EXPECT_EQ(life->lane().synced(), life->lane().appended());
  EXPECT_EQ(segments_of(disk).size(), 1U);
  EXPECT_EQ(find_fault(disk), "");
  for (std::uint64_t i = 1; i < 100; ++i) disk.remove(leaves_name(i));
  settle(*life);
  EXPECT_EQ(life->writer().upkeep_failure(), "");
  EXPECT_EQ(segments_of(disk).size(), 2U);
  EXPECT_EQ(find_fault(disk), "");
}

TEST(Reserve, KeepsCallsOutAndLetsManagementGoOn) {
  MemoryDisk disk;
  LogOptions options = small_segments();
  options.reserve_bytes = 1000;
  disk.set_free_bytes(1000);
  auto life = Life::begin(disk, options);
  EXPECT_TRUE(life->lane().has_room(life->now()));
  disk.set_free_bytes(999);
  ASSERT_TRUE(life->turn(1500ms).has_value());
  EXPECT_FALSE(life->lane().has_room(life->now()));
  EXPECT_EQ(life->writer().free_bytes(), 999U);
  LaneQueue control(life->pressure(), 1 << 20);
  EXPECT_TRUE(control.has_room(life->now()));
  disk.set_free_bytes(1100);  // not enough to be called enough again
  ASSERT_TRUE(life->turn(1000ms).has_value());
  EXPECT_FALSE(life->lane().has_room(life->now()));
  disk.set_free_bytes(1125);
  ASSERT_TRUE(life->turn(1000ms).has_value());
  EXPECT_TRUE(life->lane().has_room(life->now()));
}

}  // namespace
}  // namespace claviger::audit
