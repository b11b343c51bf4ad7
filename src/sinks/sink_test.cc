// SPDX-License-Identifier: Apache-2.0
#include "sinks/sink.h"

#include <gtest/gtest.h>

#include "sinks/json_outlet.h"
#include "sinks/testing/stand.h"

namespace claviger::sinks {
namespace {

using audit::testing::kSampleOrigin;
using namespace std::chrono_literals;

// Somebody who takes what comes, and loses it when the test says so.
struct Somebody {
  std::string has;
  std::chrono::milliseconds doubt{};
  bool is_gone = false;       // with what it had: told once
  bool refuses = false;       // what is delivered
  bool is_not_synced = false;  // told once
};

class OutletToSomebody final : public JsonOutlet {
 public:
  explicit OutletToSomebody(Somebody& somebody) : JsonOutlet(kSampleOrigin), somebody_(somebody) {}

  net::Task<Result<void>> deliver(std::string_view records) override {
    if (somebody_.refuses) co_return kBad;
    somebody_.has += records;
    co_return ok();
  }
  Result<void> make_durable() override { return told_once(somebody_.is_not_synced); }
  std::chrono::milliseconds doubt() const noexcept override { return somebody_.doubt; }
  Result<void> still_good() override { return told_once(somebody_.is_gone); }

 private:
  static Result<void> told_once(bool& is_bad) {
    return std::exchange(is_bad, false) ? Result<void>(kBad) : ok();
  }
  static inline const Error kBad{Code::kIo, Blame::kUpstream, "not taken"};

  Somebody& somebody_;
};

class SinkTest : public ::testing::Test {
 protected:
  void start() {
    sink_ = stand_.make_sink(std::make_unique<OutletToSomebody>(somebody_));
    sink_->start();
  }
  bool gets(std::uint64_t number) {
    const std::string begin = R"({"id":")" + event_id(kSampleOrigin, number) + '"';
    return stand_.pass_until([&] { return somebody_.has.contains(begin); });
  }

  testing::Stand stand_;
  Somebody somebody_;
  std::unique_ptr<Sink> sink_;
};

TEST_F(SinkTest, LooksWhetherWhatIsInDoubtIsLostBeforeItTakesItAsDelivered) {
  somebody_.doubt = 5s;
  stand_.write_log(3, 0);
  start();
  ASSERT_TRUE(gets(2));
  // Nobody looks for a minute, in which all of it is lost.
  somebody_.has.clear();
  somebody_.is_gone = true;
  stand_.clock.skip(60s);
  EXPECT_TRUE(gets(0));
  EXPECT_TRUE(gets(2));
}

// A disk says that it does not have what it took while what comes next is refused.
TEST_F(SinkTest, SendsAgainWhatDidNotGetToTheDiskBeforeTheBatchThatItTriesToDeliver) {
  stand_.write_log(3, 0);
  start();
  ASSERT_TRUE(gets(2));
  somebody_.has.clear();
  somebody_.is_not_synced = somebody_.refuses = true;
  stand_.write_log(3, 0);
  ASSERT_TRUE(stand_.pass_until([&] { return sink_->state().failed > 2; }));
  somebody_.refuses = false;
  EXPECT_TRUE(gets(5));
  EXPECT_TRUE(gets(0));
  EXPECT_LT(somebody_.has.find("test/0\""), somebody_.has.find("test/5\""));
}

}  // namespace
}  // namespace claviger::sinks
