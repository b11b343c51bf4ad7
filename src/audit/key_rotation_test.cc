// SPDX-License-Identifier: Apache-2.0
// Handing the log over to another key, on a disk that fails and loses power at every single operation of it.
#include "audit/key_rotation.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "audit/key_chain.h"
#include "audit/log_keys.h"
#include "audit/log_writer.h"
#include "audit/testing/memory_disk.h"
#include "audit/testing/sample_log.h"
#include "audit/testing/test_signer.h"
#include "audit/verify.h"
#include "base/testing/fake_clock.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;
using testing::MemoryDisk;
using testing::sample_event;
using testing::TestSigner;

constexpr const char* kOrigin = "claviger/test";
TestSigner first(1), second(2), third(3);

std::string text_of(const TestSigner& signer) { return VerifierKey{kOrigin, signer.public_key()}.text(); }

// The keys that are kept outside of the log, as the vault keeps them: a key is in here before it is used.
struct Ring {
  TestSigner* current = &first;
  TestSigner* next = nullptr;
  void promote() { current = std::exchange(next, nullptr); }
};

// A log as a process has it while it lives.
class Life {
 public:
  Life(MemoryDisk& disk, const Ring& ring, const std::string& origin = kOrigin) : disk_(disk.attach()) {
    std::optional<crypto::Ed25519PublicKey> next;
    if (ring.next != nullptr) next = ring.next->public_key();
    auto keys = find_log_keys(*disk_, origin, ring.current->public_key(), next);
    if (!keys.has_value()) {
      error_ = keys.error().what();
      return;
    }
    auto files = open_log_files(*disk_, *keys);
    if (!files.has_value()) {
      error_ = files.error().what();
      return;
    }
    found_ = files->tree.size();
    TestSigner& signer = keys->is_taking_over() ? *ring.next : *ring.current;
    writer_.emplace(*disk_, std::move(*files), *keys, options_, signer, pressure_, clock_);
    if (ring.next != nullptr) writer_->begin_key_rotation(*ring.next);
  }

  bool is_open() const { return writer_.has_value(); }
  const std::string& error() const { return error_; }
  std::uint64_t found() const { return found_; }
  std::uint64_t durable() { return lane_.synced(); }
  LogWriter& writer() { return *writer_; }

  // False when the disk failed.
  bool live(std::uint64_t events) {
    for (std::uint64_t i = 0; i < events; ++i) {
      lane_.append(sample_event(i));
      if (!turn()) return false;
    }
    return true;
  }
  bool turn() {
    LaneQueue* const lanes[] = {&lane_};
    return writer_->turn(lanes, now_ += 30ms).has_value();
  }
  // Turns until the key is rotated, or the disk fails.
  bool rotate() {
    for (int i = 0; writer_->is_rotating_key() && i < 10; ++i)
      if (!turn()) return false;
    return !writer_->is_rotating_key();
  }
  bool finish() {
    LaneQueue* const lanes[] = {&lane_};
    return writer_->finish(lanes, now_).has_value();
  }

 private:
  std::unique_ptr<Disk> disk_;
  base::testing::FakeClock clock_;
  LogOptions options_{.window = 40ms, .checkpoint_events = 20, .checkpoint_interval = 200ms};
  Pressure pressure_{clock_, 1s};
  LaneQueue lane_{pressure_, 1 << 20};
  std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
  std::string error_;
  std::uint64_t found_ = 0;
  std::optional<LogWriter> writer_;
};

Result<VerifyReport> verify(const MemoryDisk& disk, const TestSigner& signer) {
  const testing::TemporaryDirectory directory;
  disk.write_to(directory.path());
  return verify_log({.directory = directory.path(), .key = text_of(signer), .progress = nullptr});
}
void expect_verifies(const MemoryDisk& disk, std::initializer_list<const TestSigner*> signers,
                     const std::string& where) {
  for (const TestSigner* signer : signers) {
    const auto report = verify(disk, *signer);
    EXPECT_TRUE(report.has_value()) << where << ": " << report.error().what();
  }
}

std::string key_file(MemoryDisk& disk) { return disk.content(kKey); }
const std::string kBoth = text_of(first) + "\n" + text_of(second) + "\n";

// A log that was handed over to `second`, finished.
void write_rotated(MemoryDisk& disk, Ring& ring) {
  Life life(disk, ring);
  ASSERT_TRUE(life.is_open()) << life.error();
  ASSERT_TRUE(life.live(25));
  ring.next = &second;
  life.writer().begin_key_rotation(second);
  ASSERT_TRUE(life.live(10));
  ASSERT_TRUE(life.rotate());
  ring.promote();
  ASSERT_TRUE(life.live(25));
  ASSERT_TRUE(life.finish());
}

TEST(KeyRotation, LeavesALogThatIsOneAndVerifiesWithEitherKey) {
  MemoryDisk disk;
  Ring ring;
  write_rotated(disk, ring);
  EXPECT_EQ(key_file(disk), kBoth);
  expect_verifies(disk, {&first, &second}, "rotated once");
  EXPECT_FALSE(verify(disk, third).has_value());
  {
    Life life(disk, ring, "claviger/another");  // the name is that of key.pub
    ASSERT_TRUE(life.is_open()) << life.error();
    EXPECT_EQ(life.found(), 62U);
    ring.next = &third;
    life.writer().begin_key_rotation(third);
    ASSERT_TRUE(life.rotate());
    ring.promote();
    ASSERT_TRUE(life.live(1));
    ASSERT_TRUE(life.finish());
  }
  EXPECT_EQ(key_file(disk), kBoth + text_of(third) + "\n");
  expect_verifies(disk, {&first, &second, &third}, "rotated twice");
}

// Goes on after whatever stopped it, with the keys that are kept.
void expect_recovers(MemoryDisk& disk, Ring ring, std::uint64_t durable, const std::string& where) {
  {
    Life life(disk, ring);
    ASSERT_TRUE(life.is_open()) << where << ": " << life.error();
    ASSERT_GE(life.found(), durable) << where;
    ASSERT_TRUE(life.rotate()) << where;
    if (ring.next != nullptr) ring.promote();
    ASSERT_TRUE(life.live(3)) << where;
    ASSERT_TRUE(life.finish()) << where;
  }
  EXPECT_EQ(key_file(disk), kBoth) << where;
  EXPECT_TRUE(Life(disk, Ring{&second}).is_open()) << where;
  EXPECT_FALSE(Life(disk, Ring{&first}).is_open()) << where;
  expect_verifies(disk, {&first, &second}, where);
}

TEST(KeyRotation, IsGoneOnWithAfterACrashAtEveryOperation) {
  for (const bool loses_power : {true, false}) {
    for (std::uint64_t at = 1, failed = true; failed; ++at) {
      MemoryDisk disk(static_cast<unsigned>(at));
      Ring ring;
      std::uint64_t durable = 0;
      {
        Life life(disk, ring);
        ASSERT_TRUE(life.live(7));
        ring.next = &second;
        life.writer().begin_key_rotation(second);
        disk.fail_after(at, true);
        if (life.rotate()) ring.promote();
        durable = life.durable();
      }
      failed = disk.has_failed();
      if (loses_power) disk.lose_power();
      disk.repair();
      expect_recovers(disk, ring, durable, "crash " + std::to_string(at));
    }
  }
}

// The crash comes while what another one left is gone on with.
TEST(KeyRotation, IsGoneOnWithAfterASecondCrashAtEveryOperation) {
  for (const std::uint64_t before : {5U, 9U, 13U}) {
    for (std::uint64_t at = 1, failed = true; failed; ++at) {
      MemoryDisk disk(static_cast<unsigned>(at));
      Ring ring;
      {
        Life life(disk, ring);
        ASSERT_TRUE(life.live(7));
        ring.next = &second;
        life.writer().begin_key_rotation(second);
        disk.fail_after(before, true);
        if (life.rotate()) ring.promote();
      }
      disk.lose_power();
      disk.repair();
      disk.fail_after(at, true);
      {
        Life life(disk, ring);
        if (life.is_open() && life.rotate() && ring.next != nullptr) ring.promote();
      }
      failed = disk.has_failed() && disk.operations() > 0 && at < 60;
      disk.lose_power();
      disk.repair();
      expect_recovers(disk, ring, 0, "crash " + std::to_string(before) + ", " + std::to_string(at));
    }
  }
}

TEST(KeyRotation, GoesOnByItselfAfterAFailureOfAnyOperation) {
  for (std::uint64_t at = 1, failed = true; failed; ++at) {
    MemoryDisk disk(static_cast<unsigned>(at));
    {
      Life life(disk, {});
      ASSERT_TRUE(life.live(7));
      life.writer().begin_key_rotation(second);
      disk.fail_after(at, false);
      for (int i = 0; life.writer().is_rotating_key() && i < 10; ++i) (void)life.turn();
      ASSERT_FALSE(life.writer().is_rotating_key()) << at;
      (void)life.live(3);  // the failure may come as late as that
      if (!life.finish()) ASSERT_TRUE(life.finish()) << at;
    }
    failed = disk.has_failed();
    EXPECT_EQ(key_file(disk), kBoth) << at;
    expect_verifies(disk, {&first, &second}, "failure " + std::to_string(at));
  }
}

TEST(KeyRotation, LetsNobodyWithTheOldKeyWriteTheEndAnew) {
  MemoryDisk disk;
  Ring ring;
  write_rotated(disk, ring);
  // All checkpoints of the new key are gone, and the last of the old one vouches for a log that ends there.
  std::string& checkpoints = disk.content(checkpoints_name(0));
  std::string& text = disk.content(segment_name(0));
  while (open_checkpoint(std::string_view(checkpoints)
                             .substr(last_note(checkpoints).begin,
                                     last_note(checkpoints).end - 1 - last_note(checkpoints).begin),
                         VerifierKey{kOrigin, second.public_key()})
             .has_value())
    checkpoints.resize(last_note(checkpoints).begin);
  text.resize(text.find("audit.key_in_use"));
  text.resize(text.rfind('\n') + 1);
  disk.content(kState).clear();
  const Life refused(disk, ring);
  EXPECT_FALSE(refused.is_open());
  EXPECT_NE(refused.error().find("cannot be trusted"), std::string::npos) << refused.error();
  EXPECT_TRUE(Life(disk, Ring{&first, &second}).is_open());  // right so while it is handed over
}

// By somebody who may write the file and has no key. What the gateway goes on with, it signs.
TEST(KeyRotation, IsNotTakenFromTextThatNoCheckpointVouchesFor) {
  const auto hand_over = [](MemoryDisk disk, const TestSigner& from, const TestSigner& to) {
    disk.content(segment_name(0)) += key_rotated_event(WallTime{}, {VerifierKey{kOrigin, from.public_key()},
                                                                    VerifierKey{kOrigin, to.public_key()}}) +
                                     "\n";
    return disk;
  };
  const auto expect_refused = [](MemoryDisk disk, const Ring& ring) {
    const auto before = disk.contents();
    const Life life(disk, ring);
    EXPECT_FALSE(life.is_open());
    EXPECT_NE(life.error().find("hands over to a key that this gateway did not make"), std::string::npos)
        << life.error();
    EXPECT_EQ(disk.contents(), before);
  };
  MemoryDisk disk;
  {
    Life life(disk, {});
    ASSERT_TRUE(life.live(7));
    ASSERT_TRUE(life.finish());
  }
  expect_refused(hand_over(disk.copy(), first, third), {});
  expect_refused(hand_over(disk.copy(), first, third), {&first, &second});
  expect_refused(hand_over(disk.copy(), second, third), {&first, &third});
  MemoryDisk own = hand_over(disk.copy(), first, second);  // as a crash leaves it
  own = hand_over(own.copy(), first, second);
  expect_recovers(own, {&first, &second}, 9, "told of twice");

  MemoryDisk rotated;
  Ring ring;
  write_rotated(rotated, ring);
  expect_refused(hand_over(rotated.copy(), second, third), ring);
  expect_refused(hand_over(rotated.copy(), first, third), ring);
  expect_refused(hand_over(rotated.copy(), second, third), {&first, &second});  // not retired yet
  expect_refused(hand_over(rotated.copy(), first, second), {&first, &second});
}

TEST(KeyRotation, AnnouncesNothingThatKeyPubWouldNotTake) {
  MemoryDisk disk;
  Ring ring;
  write_rotated(disk, ring);
  Life life(disk, ring);
  ASSERT_TRUE(life.is_open());
  const std::uint64_t size = life.writer().size();
  life.writer().begin_key_rotation(first);  // it was the log's before
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(life.turn());
  EXPECT_TRUE(life.writer().is_rotating_key());
  EXPECT_NE(life.writer().upkeep_failure().find("twice"), std::string::npos)
      << life.writer().upkeep_failure();
  EXPECT_EQ(life.writer().size(), size);
  EXPECT_EQ(key_file(disk), kBoth);
}

TEST(LogKeys, RefuseAKeyThatIsNotTheLogs) {
  MemoryDisk disk;
  Ring ring;
  write_rotated(disk, ring);
  for (const Ring& wrong : {Ring{&first}, Ring{&third}, Ring{&third, &second}, Ring{&first, &third}}) {
    const auto before = disk.contents();
    const Life life(disk, wrong);
    EXPECT_FALSE(life.is_open());
    EXPECT_NE(life.error().find("another key"), std::string::npos) << life.error();
    EXPECT_EQ(disk.contents(), before);
  }
  disk.content(kKey) = "no key\n";
  EXPECT_NE(Life(disk, ring).error().find("no list of verifier keys"), std::string::npos);
}

TEST(LogKeys, DoNotInventAKeyFileForALogThatHadAnother) {
  MemoryDisk disk;
  Ring ring;
  write_rotated(disk, ring);
  MemoryDisk copy;
  auto there = copy.attach();
  for (const auto& [name, content] : disk.contents())
    if (name != kKey) ASSERT_TRUE(there->replace(name, content).has_value());
  const Life life(copy, ring, "claviger/another");
  EXPECT_NE(life.error().find("put key.pub back"), std::string::npos) << life.error();
  EXPECT_FALSE(copy.contents().contains(kKey));
}

TEST(LogKeys, GoOnAsTheLogThatTheyWereWhereTheirFileIsLost) {
  MemoryDisk disk;
  {
    Life life(disk, {});
    ASSERT_TRUE(life.live(25) && life.finish());
  }
  const std::string before = key_file(disk);
  disk.remove(kKey);
  {
    Life life(disk, {}, "claviger/another");
    ASSERT_TRUE(life.is_open()) << life.error();
    EXPECT_EQ(life.found(), 25U);
    ASSERT_TRUE(life.live(5) && life.finish());
  }
  EXPECT_EQ(key_file(disk), before);
  expect_verifies(disk, {&first}, "without its list of keys");
}

TEST(LogKeys, AreNotGuessedForALogThatHoldsSomething) {
  MemoryDisk whole;
  {
    Life life(whole, {});
    ASSERT_TRUE(life.live(25) && life.finish());
  }
  whole.remove(kKey);
  MemoryDisk of_another = whole.copy();
  MemoryDisk uncovered = whole.copy();
  for (const std::string& name : {checkpoints_name(0), std::string(kState)}) uncovered.remove(name);
  MemoryDisk pruned;
  pruned.put(kPruned, "anything");
  const std::pair<MemoryDisk*, Ring> cases[] = {{&of_another, Ring{&third}}, {&uncovered, {}}, {&pruned, {}}};
  for (const auto& [disk, ring] : cases) {
    const auto before = disk->contents();
    const Life life(*disk, ring, "claviger/another");
    EXPECT_NE(life.error().find("put key.pub back"), std::string::npos) << life.error();
    EXPECT_EQ(disk->contents(), before);
  }
}

TEST(LogKeys, AreThoseOfANewLogWhereACrashLeftEmptyFiles) {
  MemoryDisk disk;
  for (const std::string& name : {segment_name(0), leaves_name(0), checkpoints_name(0)}) disk.put(name, "");
  const Life life(disk, {}, "claviger/another");
  ASSERT_TRUE(life.is_open()) << life.error();
  const VerifierKey key{"claviger/another", first.public_key()};
  EXPECT_EQ(key_file(disk), key.text() + "\n");
}

}  // namespace
}  // namespace claviger::audit
