// SPDX-License-Identifier: Apache-2.0
#include "audit/verify.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "audit/key_chain.h"
#include "audit/log_files.h"
#include "audit/pruned.h"
#include "audit/testing/made_log.h"
#include "audit/testing/sample_log.h"
#include "audit/testing/test_signer.h"

namespace claviger::audit {
namespace {

using testing::joined;
using testing::lines_of;
using testing::read_file;
using testing::write_file;

constexpr std::uint64_t kEvents = 200;
constexpr std::uint64_t kEvery = 32;

class VerifyLog : public ::testing::Test {
 protected:
  VerifyLog() {
    testing::write_sample_log(log(), signer_, kEvents, kEvery);
    text_ = read_file(log(kText));
    lines_ = lines_of(text_);
    leaves_ = read_file(log(kLeaves));
    checkpoints_ = read_file(log(kNotes));
  }

  std::string log(const std::string& name = "") const {
    return directory_.path("audit") + (name.empty() ? "" : "/" + name);
  }

  // What the verifier says of the log as it is now; "" for nothing wrong.
  std::string verdict(const std::string& against = "", const std::string& key = "") const {
    const auto report = verify_log({.directory = log(), .against = against, .key = key});
    return report.has_value() ? "" : std::string(report.error().what());
  }
  std::string verdict_of(const std::vector<std::string>& lines) const {
    write_file(log(kText), joined(lines));
    return verdict();
  }
  std::string place(std::uint64_t event) const {
    return fmt::format("{}:{} (event {}): ", kText, event + 1, event);
  }
  std::string saved_checkpoint(std::string_view file, std::string_view note) const {
    write_file(directory_.path(std::string(file)), std::string(note));
    return directory_.path(std::string(file));
  }

  const std::string kText = segment_name(0), kLeaves = leaves_name(0), kNotes = checkpoints_name(0);
  testing::TemporaryDirectory directory_;
  testing::TestSigner signer_;
  VerifierKey key_{testing::kSampleOrigin, signer_.public_key()};
  std::string text_, leaves_, checkpoints_;
  std::vector<std::string> lines_;
};

TEST_F(VerifyLog, FindsNothingWrongWithALogAsItWasWritten) {
  const auto report = verify_log({.directory = log()});
  ASSERT_TRUE(report.has_value()) << report.error().what();
  EXPECT_EQ(report->events, kEvents);
  EXPECT_EQ(report->bytes, text_.size());
  EXPECT_EQ(report->checkpoints, kEvents / kEvery + 1);
  EXPECT_EQ(report->beyond_checkpoint, 0U);
  EXPECT_TRUE(report->has_leaves);
  EXPECT_FALSE(report->key_was_given);
  EXPECT_EQ(report->keys, std::vector<std::string>{key_.text()});
  EXPECT_TRUE(open_checkpoint(report->last_checkpoint, key_).has_value());
  EXPECT_TRUE(verify_log({.directory = log(), .key = key_.text()})->key_was_given);
}

TEST_F(VerifyLog, NamesTheLineOfEveryChangedByte) {
  for (std::uint64_t event = 0; event < kEvents; ++event) {
    const std::size_t size = lines_[event].size();
    for (const std::size_t at : {std::size_t{0}, std::size_t{7}, size / 2, size - 3, size - 2}) {
      auto lines = lines_;
      lines[event][at] ^= 0x10;  // a digit becomes none: no line is like another's
      EXPECT_EQ(verdict_of(lines), place(event) + "was changed") << at;
    }
    auto lines = lines_;
    lines[event].back() = ' ';  // the line end: two lines become one
    EXPECT_NE(verdict_of(lines).find(fmt::format("event {}", event)), std::string::npos) << verdict_of(lines);
  }
}

TEST_F(VerifyLog, NamesEveryRemovedLine) {
  for (std::uint64_t event = 0; event < kEvents - 1; ++event) {
    auto lines = lines_;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(event));
    EXPECT_EQ(verdict_of(lines),
              fmt::format("{}:{}: event {} was removed before this line", kText, event + 1, event));
  }
  auto lines = lines_;
  lines.erase(lines.begin() + 10, lines.begin() + 50);
  EXPECT_EQ(verdict_of(lines), kText + ":11: events 10 to 49 were removed before this line");
}

TEST_F(VerifyLog, NamesEveryRepeatedLine) {
  for (std::uint64_t event = 0; event < kEvents - 1; ++event) {
    auto lines = lines_;
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(event), lines[event]);
    EXPECT_EQ(verdict_of(lines),
              fmt::format("{}line {} repeats event {}", place(event + 1), event + 2, event));
    lines = lines_;
    lines[event + 1] = lines[event];
    EXPECT_EQ(verdict_of(lines),
              fmt::format("{}line {} repeats event {}", place(event + 1), event + 2, event));
  }
}

TEST_F(VerifyLog, NamesEveryTwoLinesInTheWrongOrder) {
  for (std::uint64_t event = 0; event + 1 < kEvents; ++event) {
    auto lines = lines_;
    std::swap(lines[event], lines[event + 1]);
    EXPECT_EQ(verdict_of(lines),
              fmt::format("{}lines {} and {} are in the wrong order", place(event), event + 1, event + 2));
  }
}

TEST_F(VerifyLog, NamesEveryInsertedLineAndMovedOne) {
  for (std::uint64_t event = 0; event < kEvents; event += 9) {
    auto lines = lines_;
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(event), testing::sample_event(777) + "\n");
    EXPECT_EQ(verdict_of(lines), place(event) + "was inserted, it is none of the log's events");
  }
  auto lines = lines_;
  lines.insert(lines.begin() + 5, lines[100]);
  EXPECT_EQ(verdict_of(lines), place(5) + "is event 100, moved to the front");
}

TEST_F(VerifyLog, SeesALogThatWasCutAtEveryLine) {
  for (std::uint64_t events = 0; events < kEvents; ++events) {
    const std::vector<std::string> lines(lines_.begin(),
                                         lines_.begin() + static_cast<std::ptrdiff_t>(events));
    EXPECT_TRUE(verdict_of(lines).starts_with(
        fmt::format("the log is cut short: it has {} events, the checkpoint", events)))
        << verdict();
  }
}

TEST_F(VerifyLog, SeesALogThatWasCutAtAnyByte) {
  for (std::size_t size = 0; size < text_.size(); size += 13) {
    write_file(log(kText), text_.substr(0, size));
    EXPECT_NE(verdict(), "") << size;
  }
}

TEST_F(VerifyLog, WorksWithoutLeavesAndThenSaysLessOfThePlace) {
  std::filesystem::remove(log(kLeaves));
  ASSERT_EQ(verdict(), "");
  EXPECT_FALSE(verify_log({.directory = log()})->has_leaves);
  for (std::uint64_t event = 0; event < kEvents; event += 17) {
    auto lines = lines_;
    lines[event][10] ^= 1;
    const std::uint64_t number = event / kEvery + 1;
    EXPECT_EQ(verdict_of(lines), fmt::format("checkpoint {} (size {}) does not match: events {} to {} were "
                                             "altered; without the file of hashes "
                                             "beside the log it cannot be said which",
                                             number, std::min(number * kEvery, kEvents),
                                             (number - 1) * kEvery, std::min(number * kEvery, kEvents) - 1));
  }
}

TEST_F(VerifyLog, SaysWhenTheHashesAreWrongAndNotTheLog) {
  for (std::uint64_t event = 0; event < kEvents; event += 9) {
    std::string leaves = leaves_;
    leaves[event * 32 + 5] ^= 1;
    write_file(log(kLeaves), leaves);
    const std::string what = verdict();
    EXPECT_TRUE(what.starts_with(place(event) + "its hash")) << what;
    EXPECT_NE(what.find("the log itself is as checkpoint"), std::string::npos) << what;
  }
}

// Whoever changes both has to be told by the root.
TEST_F(VerifyLog, SeesALineThatWasChangedTogetherWithItsHash) {
  for (std::uint64_t event = 0; event < kEvents; event += 9) {
    auto lines = lines_;
    lines[event][10] ^= 1;
    const auto leaf = crypto::merkle_leaf(std::string_view(lines[event]).substr(0, lines[event].size() - 1));
    std::string leaves = leaves_;
    std::memcpy(&leaves[event * 32], leaf.data(), leaf.size());
    write_file(log(kLeaves), leaves);
    EXPECT_NE(verdict_of(lines).find("their hashes in the file beside the log with them"), std::string::npos)
        << verdict();
    leaves[event * 32] ^= 1;
    write_file(log(kLeaves), leaves);
    EXPECT_NE(verdict().find("and so was its hash"), std::string::npos) << verdict();
  }
}

TEST_F(VerifyLog, RefusesEveryChangedByteOfTheCheckpoints) {
  for (std::size_t i = 0; i < checkpoints_.size(); i += 3) {
    std::string bad = checkpoints_;
    bad[i] ^= 1;
    write_file(log(kNotes), bad);
    EXPECT_NE(verdict(), "") << i;
  }
}

TEST_F(VerifyLog, RefusesCheckpointsThatWereRemovedReorderedOrRepeatedAtTheEnd) {
  const std::string first = std::string(first_note(checkpoints_)) + "\n";
  write_file(log(kNotes), checkpoints_ + first);
  EXPECT_EQ(verdict(), "checkpoint 8 (size 32): comes behind one of size 200");
  write_file(log(kNotes), checkpoints_.substr(0, last_note(checkpoints_).begin));
  EXPECT_EQ(verdict(), "the checkpoint of size 200 is missing");
  write_file(log(kNotes), "");
  EXPECT_EQ(verdict(), "the checkpoint of size 200 is missing");
  std::filesystem::remove(log(kState));
  EXPECT_EQ(verdict(), "no checkpoint vouches for any of its 200 events");
  write_file(log(kNotes), "nonsense\n");
  EXPECT_EQ(verdict(), "checkpoint 1 is none: the checkpoints beside " + kText + " were altered");
}

TEST_F(VerifyLog, SeesWithACheckpointFromElsewhereWhatWasCutAwayWithEverythingThatSpokeOfIt) {
  const std::string against =
      saved_checkpoint("saved", std::string_view(checkpoints_).substr(last_note(checkpoints_).begin));
  EXPECT_EQ(verdict(against), "");
  EXPECT_EQ(verify_log({.directory = log(), .against = against})->against, kEvents);
  // An attacker that cuts the log, its hashes and its checkpoints to the same size, and takes the state away.
  for (std::uint64_t keep = 1; keep < kEvents / kEvery; ++keep) {
    std::string notes;
    for (std::uint64_t i = 0; i < keep; ++i)
      notes += std::string(first_note(std::string_view(checkpoints_).substr(notes.size()))) + "\n";
    write_file(log(kNotes), notes);
    write_file(log(kLeaves), leaves_.substr(0, keep * kEvery * 32));
    std::filesystem::remove(log(kState));
    EXPECT_EQ(verdict_of({lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(keep * kEvery)}), "");
    EXPECT_EQ(
        verdict(against),
        fmt::format("the log is cut short: it has {} events, {}, a checkpoint of size 200 vouches for more",
                    keep * kEvery, against));
  }
}

TEST_F(VerifyLog, SeesWithACheckpointFromElsewhereThatTheLogWasWrittenAnewAndSigned) {
  const std::string against = saved_checkpoint("saved", first_note(checkpoints_));
  EXPECT_EQ(verdict(against), "");
  std::filesystem::remove_all(log());
  testing::write_sample_log(log(), signer_, 20, 10);
  EXPECT_NE(verdict(against).find("cut short"), std::string::npos);
  testing::write_sample_log(log(), signer_, kEvents, kEvery);
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(verdict(against), "");  // the sample events are the same again
  std::filesystem::remove_all(log());
  testing::write_sample_log(log(), signer_, kEvents, kEvery);
  write_file(log(kText), text_.substr(lines_[0].size()) + text_.substr(0, lines_[0].size()));
  for (const std::string& name : {kLeaves, kNotes, std::string(kState)}) std::filesystem::remove(log(name));
  testing::write_sample_log(log(), signer_, 1, 1);  // signs what is there
  EXPECT_EQ(verdict(), "");
  EXPECT_NE(verdict(against).find("the log was rewritten and signed again"), std::string::npos)
      << verdict(against);
}

TEST_F(VerifyLog, RefusesCheckpointsAndKeysOfOthers) {
  testing::TestSigner other(2);
  const VerifierKey others{testing::kSampleOrigin, other.public_key()};
  EXPECT_NE(
      verdict("", others.text()).find("the key that was given, " + others.text() + ", is none of those in"),
      std::string::npos);
  const std::string forged = saved_checkpoint("forged", sign_checkpoint({100, {}}, others, other));
  EXPECT_NE(verdict(forged).find("not signed by"), std::string::npos);
  EXPECT_NE(verdict("", "nonsense"), "");
  EXPECT_NE(verdict(saved_checkpoint("empty", "")), "");
  EXPECT_NE(verdict(directory_.path("missing")), "");
  write_file(log(kKey), others.text() + "\n");
  EXPECT_NE(verdict(), "");
  EXPECT_NE(verdict("", key_.text()), "");  // the list beside the log was altered, whatever else is right
  std::filesystem::remove(log(kKey));
  EXPECT_EQ(verdict("", key_.text()), "");
  EXPECT_NE(verdict("", others.text()), "");
  EXPECT_NE(verdict(), "");
}

TEST_F(VerifyLog, TakesTheTailOfALogInUseForWhatItIs) {
  testing::write_sample_log(log(), signer_, 10, 1000, false);
  write_file(log(kText), read_file(log(kText)) + "{\"v\":1,\"unfin");
  write_file(log(kNotes), checkpoints_ + "claviger/test\n21");
  const auto report = verify_log({.directory = log()});
  ASSERT_TRUE(report.has_value()) << report.error().what();
  EXPECT_EQ(report->events, kEvents + 10);
  EXPECT_EQ(report->beyond_checkpoint, 10U);
  EXPECT_EQ(report->unfinished_bytes, 13U);
}

TEST_F(VerifyLog, RefusesLinesThatAreNoEventsBehindTheLastCheckpoint) {
  for (const std::string& bad :
       {std::string("\n"), std::string("nonsense\n"), std::string("{\"a\":\"\0\"}\n", 10),
        "{\"a\":\"" + std::string(20'000, 'x') + "\"}\n"}) {
    write_file(log(kText), text_ + bad);
    EXPECT_EQ(verdict(), place(kEvents) + "is no event") << bad;
  }
}

TEST_F(VerifyLog, SaysWhenThereIsNoLog) {
  EXPECT_EQ(verify_log({.directory = directory_.path("none")}).error().code(), Code::kNotFound);
  std::filesystem::remove(log(kText));
  EXPECT_EQ(verify_log({.directory = log()}).error().code(), Code::kNotFound);
  std::filesystem::remove_all(log());
  testing::write_sample_log(log(), signer_, 0, 1);
  EXPECT_EQ(verify_log({.directory = log()})->events, 0U);
}

TEST_F(VerifyLog, TakesAFifoForNoLogAndDoesNotWaitForIt) {
  std::filesystem::remove(log(kText));
  ASSERT_EQ(::mkfifo(log(kText).c_str(), 0600), 0);
  EXPECT_NE(verdict().find("not a regular file"), std::string::npos) << verdict();
}

// Logs with segments, keys that were rotated, and pruned events.
class VerifyMadeLog : public ::testing::Test {
 protected:
  VerifyMadeLog() : made_(first_) {
    made_.events(7);
    made_.checkpoint();
    made_.events(3);
    made_.segment();
    made_.events(2);
    made_.rotate(second_);
    made_.events(5);
    made_.segment();
    made_.events(4);
    made_.checkpoint();
    made_.events(3);
    made_.checkpoint();
  }

  std::string key_of(Signer& signer) const {
    return VerifierKey{testing::kSampleOrigin, signer.public_key()}.text();
  }
  std::string log(const std::string& name = "") const {
    return directory_.path("audit") + (name.empty() ? "" : "/" + name);
  }
  std::string verdict(const std::string& key = "", const std::string& against = "") const {
    const auto report = verify_log({.directory = log(), .against = against, .key = key});
    return report.has_value() ? "" : std::string(report.error().what());
  }
  std::string verdict_of(const testing::MadeLog& made, const std::string& key = "") const {
    std::filesystem::remove_all(log());
    made.write(log());
    return verdict(key);
  }
  testing::MadeLog pruned() {
    testing::MadeLog made = made_;
    made.segment();
    made.events(2);
    made.prune(18);
    made.events(2);
    made.rotate(third_);
    made.events(4);
    made.checkpoint();
    made.events(1);
    return made;
  }
  bool says(const std::string& verdict, std::string_view part) const {
    return verdict.find(part) != std::string::npos;
  }

  testing::TemporaryDirectory directory_;
  testing::TestSigner first_{1}, second_{2}, third_{3}, other_{9};
  testing::MadeLog made_;
};

TEST_F(VerifyMadeLog, IsWholeUnderAnyKeyThatSignedIt) {
  EXPECT_EQ(verdict_of(made_), "");
  EXPECT_EQ(verdict(key_of(first_)), "");
  EXPECT_EQ(verdict(key_of(second_)), "");
  EXPECT_NE(verdict(key_of(third_)), "");
  const auto report = verify_log({.directory = log()});
  EXPECT_EQ(report->segments, 3U);
  EXPECT_EQ(report->keys, (std::vector<std::string>{key_of(first_), key_of(second_)}));
  EXPECT_EQ(report->checkpoints, made_.notes.size());
}

TEST_F(VerifyMadeLog, IsWholeWhenWhatIsMissingWasPruned) {
  const testing::MadeLog made = pruned();
  EXPECT_EQ(verdict_of(made), "");
  const auto report = verify_log({.directory = log()});
  EXPECT_EQ(report->first_event, 18U);
  EXPECT_EQ(report->events, made.lines.size());
  EXPECT_EQ(report->beyond_checkpoint, 1U);
  EXPECT_EQ(verdict(key_of(second_)), "");
  EXPECT_EQ(verdict(key_of(third_)), "");
  EXPECT_TRUE(says(verdict(key_of(first_)), "signed nothing of what is kept"));
  made.write(log(), false);
  made_.write(directory_.path("whole"));
  std::filesystem::copy_file(directory_.path("whole") + "/" + segment_name(10), log(segment_name(10)));
  EXPECT_EQ(verdict(), "");  // was about to be removed
}

TEST_F(VerifyMadeLog, NamesSegmentsThatAreMissingShortOrInAnotherPlace) {
  made_.write(log());
  std::filesystem::remove(log(segment_name(10)));
  EXPECT_EQ(verdict(),
            segment_name(0) + " is cut short: it ends with event 9, and the next begins with event 18");
  verdict_of(made_);
  std::filesystem::remove(log(segment_name(0)));
  EXPECT_TRUE(says(verdict(), "nothing says that what came before was pruned")) << verdict();
  verdict_of(made_);
  std::filesystem::remove(log(checkpoints_name(10)));
  EXPECT_TRUE(says(verdict(), "does not end with a checkpoint: the one of size 18 is missing")) << verdict();
  verdict_of(made_);
  std::filesystem::rename(log(segment_name(18)), log(segment_name(19)));
  EXPECT_TRUE(says(verdict(), "is cut short")) << verdict();
  verdict_of(made_);
  write_file(log(checkpoints_name(0)),
             read_file(log(checkpoints_name(0))) + read_file(log(checkpoints_name(10))));
  EXPECT_TRUE(says(verdict(), "does not belong beside " + segment_name(0))) << verdict();
  verdict_of(made_);
  write_file(log(segment_name(0)), read_file(log(segment_name(0))) + made_.lines[10] + "\n");
  EXPECT_TRUE(says(verdict(), "has events of the next segment")) << verdict();
}

TEST_F(VerifyMadeLog, RefusesKeysThatTheLogDoesNotNameInTheirPlace) {
  for (const auto& listed : std::vector<std::vector<Signer*>>{{&other_},
                                                              {&first_},
                                                              {&second_},
                                                              {&second_, &first_},
                                                              {&first_, &third_},
                                                              {&first_, &second_, &other_},
                                                              {&first_, &other_, &second_},
                                                              {&other_, &first_, &second_}}) {
    testing::MadeLog made = made_;
    made.keys.clear();
    for (Signer* signer : listed) made.keys.push_back({testing::kSampleOrigin, signer->public_key()});
    EXPECT_NE(verdict_of(made), "") << made.keys.size();
  }
  testing::MadeLog announced = made_;
  announced.rotate(third_);
  EXPECT_EQ(verdict_of(announced), "");
  EXPECT_TRUE(says(verdict(key_of(third_)), "signed nothing")) << verdict(key_of(third_));
  announced.keys.pop_back();  // the crash came before it was listed
  EXPECT_EQ(verdict_of(announced), "");
}

TEST_F(VerifyMadeLog, RefusesKeysThatTheOldOneDidNotHandOverTo) {
  testing::MadeLog unsigned_one = made_;
  unsigned_one.add(
      key_rotated_event(WallTime{}, {unsigned_one.key(), {testing::kSampleOrigin, other_.public_key()}}));
  unsigned_one.signer = &other_;
  unsigned_one.keys.push_back(unsigned_one.key());
  unsigned_one.checkpoint();
  EXPECT_NE(verdict_of(unsigned_one), "");
  testing::MadeLog old = made_;
  old.signer = &first_;
  old.events(1);
  old.checkpoint();
  EXPECT_NE(verdict_of(old), "");
}

// A crash came before they were carried out, and they were decided again.
TEST_F(VerifyMadeLog, PassesOverPruningsThatNothingCameOf) {
  testing::MadeLog log = made_;
  const auto tell = [&](std::uint64_t end, std::vector<std::uint64_t> segments) {
    log.add(pruned_event(WallTime{}, 0, segments, log.tree_of(end), PruneReason::kAge));
    log.checkpoint();
  };
  tell(10, {0});
  EXPECT_EQ(verdict_of(log), "");
  tell(18, {0, 10});
  log.prune(18);
  EXPECT_EQ(verdict_of(log), "");
  log.prune(18);
  tell(log.lines.size(), {0, 10, 18});
  EXPECT_EQ(verdict_of(log), "");
}

TEST_F(VerifyMadeLog, RefusesPruningThatIsNotToldOfUnderACheckpoint) {
  testing::MadeLog silent = made_;
  silent.pruned = sign_pruned(silent.tree_of(18), silent.key(), second_);
  silent.kept = 18;
  EXPECT_TRUE(says(verdict_of(silent), "no event of the log says so")) << verdict();
  testing::MadeLog late = silent;
  late.add(
      pruned_event(WallTime{}, 0, std::vector<std::uint64_t>{0, 10}, late.tree_of(18), PruneReason::kAge));
  EXPECT_TRUE(says(verdict_of(late), "no event of the log says so")) << verdict();
  late.checkpoint();
  EXPECT_EQ(verdict_of(late), "");
  testing::MadeLog by_other = pruned();
  by_other.pruned = sign_pruned(by_other.tree_of(18), {testing::kSampleOrigin, other_.public_key()}, other_);
  EXPECT_NE(verdict_of(by_other), "");
  by_other.pruned = sign_pruned(by_other.tree_of(18), {testing::kSampleOrigin, first_.public_key()}, first_);
  EXPECT_TRUE(says(verdict_of(by_other), "signed nothing else of what is kept")) << verdict();
  testing::MadeLog other_roots = pruned();
  other_roots.lines[3] = "{\"x\":1}";
  other_roots.pruned =
      sign_pruned(other_roots.tree_of(18), {testing::kSampleOrigin, second_.public_key()}, second_);
  EXPECT_NE(verdict_of(other_roots), "");
}

TEST_F(VerifyMadeLog, IsHeldToCheckpointsFromElsewhereByTheKeyOfTheirPlace) {
  EXPECT_EQ(verdict_of(made_), "");
  const std::string saved = directory_.path("saved");
  for (const auto& [size, note] : made_.notes) {
    write_file(saved, note);
    EXPECT_EQ(verdict("", saved), "") << size;
  }
  const crypto::MerkleTree tree = made_.tree_of(20);
  write_file(saved,
             sign_checkpoint({20, tree.root()}, {testing::kSampleOrigin, first_.public_key()}, first_));
  EXPECT_TRUE(says(verdict("", saved), "a key that was not the log's at that place")) << verdict("", saved);
  verdict_of(pruned());
  write_file(saved, made_.notes.front().second);
  EXPECT_TRUE(says(verdict("", saved), "was pruned")) << verdict("", saved);
}

}  // namespace
}  // namespace claviger::audit
