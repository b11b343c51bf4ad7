// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/change_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace claviger::doors::externaldns {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string event_of(const RecordChange& change) {
  return change_event({.time = WallTime{}, .door = "dns", .principal = "external-dns", .request_id = "00ff"},
                      change)
      .text();
}

TEST(ChangeEvent, SaysWhoChangedWhatFromWhatToWhatByWhichCalls) {
  const std::vector<std::string> ids{"aa", "bb"};
  const std::string text = event_of({.zone = "example.com",
                                     .name = "www.example.com",
                                     .type = "A",
                                     .before = "300 192.0.2.1",
                                     .after = "300 192.0.2.2",
                                     .upstream = "technitium-a",
                                     .request_ids = ids,
                                     .outcome = Outcome::kDone,
                                     .reason = {}});
  EXPECT_THAT(
      text,
      HasSubstr(
          R"("type":"dns_record.changed","request_id":"00ff","door":"dns","principal":"external-dns",)"
          R"("upstream":"technitium-a","zone":"example.com","record":"www.example.com","record_type":"A",)"
          R"("before":"300 192.0.2.1","after":"300 192.0.2.2","outcome":"done","calls":["aa","bb"]})"));
}

TEST(ChangeEvent, FitsALineWhateverTheRecordHolds) {
  const std::vector<std::string> ids(5000, std::string(32, 'a'));
  const std::string wild(100'000, '"');
  const std::string text = event_of({.zone = wild,
                                     .name = wild,
                                     .type = wild,
                                     .before = wild,
                                     .after = wild,
                                     .upstream = "a",
                                     .request_ids = ids,
                                     .outcome = Outcome::kFailed,
                                     .reason = wild});
  EXPECT_LE(text.size(), audit::Lane::kMaxEvent);
  EXPECT_TRUE(base::parse_json(text, "").has_value());
}

// Whoever hides a target behind many others is not to hide it from the log.
TEST(ChangeEvent, ShowsWhatWasAddedToALongSet) {
  const std::string many(3000, 'x');
  const std::vector<std::string> ids;
  RecordChange change{.zone = "example.com",
                      .name = "www.example.com",
                      .type = "A",
                      .before = many,
                      .after = many,
                      .added = "192.0.2.66",
                      .removed = "192.0.2.1",
                      .upstream = "technitium-a",
                      .request_ids = ids,
                      .outcome = Outcome::kDone,
                      .reason = {}};
  const std::string text = event_of(change);
  EXPECT_THAT(text, HasSubstr(R"("added":"192.0.2.66","removed":"192.0.2.1","before_sha256":")"));
  change.before = change.after = "300 192.0.2.66";
  EXPECT_THAT(event_of(change), Not(HasSubstr("added")));
}

TEST(ChangeEvent, IsForWhatMayBeOtherwiseNow) {
  EXPECT_TRUE(is_recorded(Outcome::kDone));
  EXPECT_TRUE(is_recorded(Outcome::kFailed));
  for (const Outcome other : {Outcome::kUnchanged, Outcome::kDryRun, Outcome::kRefused, Outcome::kLeft})
    EXPECT_FALSE(is_recorded(other));
}

}  // namespace
}  // namespace claviger::doors::externaldns
