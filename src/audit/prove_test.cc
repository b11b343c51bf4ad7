// SPDX-License-Identifier: Apache-2.0
#include "audit/prove.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <filesystem>

#include "audit/log_files.h"
#include "audit/testing/made_log.h"
#include "audit/testing/sample_log.h"
#include "audit/testing/test_signer.h"

namespace claviger::audit {
namespace {

// Events 0 to 39 in segments of several sizes, pruned up to event 22, with one that no checkpoint covers.
class Prove : public ::testing::Test {
 protected:
  Prove() : made_(signer_) {
    for (const std::uint64_t count : {5U, 8U, 9U, 3U}) {
      made_.events(count);
      made_.segment();
    }
    made_.prune(22);
    made_.events(13);
    made_.checkpoint();
    made_.events(1);
    made_.write(log());
  }

  std::string log(const std::string& name = "") const {
    return directory_.path("audit") + (name.empty() ? "" : "/" + name);
  }
  Checkpoint last() const { return *open_checkpoint(made_.notes.back().second, made_.key()); }

  testing::TemporaryDirectory directory_;
  testing::TestSigner signer_;
  testing::MadeLog made_;
};

TEST_F(Prove, EveryEventThatIsKeptAndCovered) {
  for (int turn = 0; turn < 2; ++turn) {
    for (std::uint64_t event = 22; event + 1 < made_.lines.size(); ++event) {
      const auto proven = prove_event(log(), event);
      ASSERT_TRUE(proven.has_value()) << event << proven.error().what();
      EXPECT_EQ(proven->line, made_.lines[event]);
      EXPECT_TRUE(check_inclusion(proven->proof, made_.lines[event], last()).has_value()) << event;
    }
    for (const std::uint64_t first : made_.firsts)
      std::filesystem::remove(log(leaves_name(first)));  // and without them
  }
}

TEST_F(Prove, NoOtherEvent) {
  EXPECT_NE(prove_event(log(), 21).error().what().find("was pruned: the log keeps events from 22 on"),
            std::string::npos);
  EXPECT_EQ(prove_event(log(), 0).error().code(), Code::kNotFound);
  EXPECT_NE(prove_event(log(), made_.lines.size() - 1).error().what().find("no checkpoint covers"),
            std::string::npos);
  EXPECT_EQ(prove_event(log(), 4711).error().code(), Code::kNotFound);
  EXPECT_EQ(prove_event(directory_.path("none"), 0).error().code(), Code::kNotFound);
}

TEST_F(Prove, NothingOfALogThatContradictsItsCheckpoint) {
  std::string leaves = testing::read_file(log(leaves_name(22)));
  leaves[7] ^= 1;
  testing::write_file(log(leaves_name(22)), leaves);
  const auto proven = prove_event(log(), 30);
  ASSERT_FALSE(proven.has_value());
  EXPECT_EQ(proven.error().code(), Code::kInvalid);
  EXPECT_NE(proven.error().what().find("claviger audit verify"), std::string::npos);
}

TEST_F(Prove, ConsistencyWithEveryCheckpointFromWherePruningAllowsIt) {
  const std::string saved = directory_.path("saved");
  for (std::uint64_t size = 1; size < made_.lines.size(); ++size) {
    const Checkpoint since{size, made_.tree_of(size).root()};
    testing::write_file(saved, sign_checkpoint(since, made_.key(), signer_));
    const auto proof = prove_consistency(log(), saved);
    // 22 = 16 + 4 + 2: below it the tree divides at 16, at 20, and where it takes one of these roots only.
    if (size < 22 && !proof.has_value()) {
      EXPECT_EQ(proof.error().code(), Code::kNotFound) << size;
      EXPECT_NE(size, 16U);
      EXPECT_NE(size, 20U);
      continue;
    }
    ASSERT_TRUE(proof.has_value()) << size << proof.error().what();
    EXPECT_TRUE(check_consistency(*proof, since, last()).has_value()) << size;
  }
}

TEST_F(Prove, NoConsistencyWithACheckpointOfAnotherLog) {
  const std::string saved = directory_.path("saved");
  testing::write_file(saved, sign_checkpoint({24, {}}, made_.key(), signer_));
  EXPECT_EQ(prove_consistency(log(), saved).error().code(), Code::kInvalid);
  testing::write_file(saved, sign_checkpoint({made_.lines.size() + 5, {}}, made_.key(), signer_));
  EXPECT_NE(prove_consistency(log(), saved).error().what().find("cut short"), std::string::npos);
  testing::TestSigner other(2);
  const VerifierKey others{testing::kSampleOrigin, other.public_key()};
  testing::write_file(saved, sign_checkpoint({24, made_.tree_of(24).root()}, others, other));
  EXPECT_NE(prove_consistency(log(), saved).error().what().find("not signed by"), std::string::npos);
}

TEST_F(Prove, FindsTheEventsOfARequestAndNoOthersThatSpeakOfIt) {
  testing::MadeLog made(signer_);
  made.events(2);
  made.add(R"({"v":1,"time":"2027-01-01T00:00:00.000Z","type":"call.started","request_id":"ab12"})");
  made.segment();
  made.add(
      R"({"v":1,"time":"2027-01-01T00:00:00.000Z","type":"call.finished","path":"/\"request_id\":\"ab12\""})");
  made.add(
      R"({"v":1,"time":"2027-01-01T00:00:00.000Z","type":"call.finished","request_id":"ab12","status":200})");
  made.checkpoint();
  made.write(directory_.path("calls"));
  const auto found = find_request(directory_.path("calls"), "ab12");
  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].number, 2U);
  EXPECT_EQ((*found)[0].type, "call.started");
  EXPECT_EQ((*found)[1].number, 4U);
  EXPECT_TRUE(find_request(directory_.path("calls"), "ab1")->empty());
}

}  // namespace
}  // namespace claviger::audit
