// SPDX-License-Identifier: Apache-2.0
#include "audit/evidence_pack.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "audit/evidence_files.h"
#include "audit/log_files.h"
#include "audit/testing/made_log.h"
#include "audit/testing/sample_log.h"
#include "audit/testing/test_signer.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

namespace fs = std::filesystem;
using testing::read_file;
using testing::write_file;

std::string event_at(std::uint64_t second) {
  return fmt::format(R"({{"v":1,"time":"2027-01-01T00:00:{:02}.000Z","type":"test"}})", second);
}

WallTime at(std::uint64_t second) {
  return *base::parse_rfc3339(fmt::format("2027-01-01T00:00:{:02}Z", second));
}

// An event each second, in segments, with a key that is rotated between.
class EvidencePack : public ::testing::Test {
 protected:
  EvidencePack() : made_(first_) {
    for (std::uint64_t second = 0; second < 30; ++second) {
      made_.add(event_at(second));
      if (second == 9 || second == 21) made_.segment();
      if (second == 14) rotation_ = made_.rotate(second_);
    }
    made_.checkpoint();
    made_.add(event_at(30));
    made_.write(log());
  }

  std::string log(const std::string& name = "") const {
    return directory_.path("audit") + (name.empty() ? "" : "/" + name);
  }
  std::string pack(const std::string& name = "") const {
    return directory_.path("pack") + (name.empty() ? "" : "/" + name);
  }
  std::string key_of(Signer& signer) const {
    return VerifierKey{testing::kSampleOrigin, signer.public_key()}.text();
  }
  Result<ExportReport> make(std::uint64_t from, std::uint64_t to, const std::string& out = "pack") const {
    return export_pack({.directory = log(),
                        .from = at(from),
                        .to = at(to),
                        .out = directory_.path(out),
                        .progress = nullptr});
  }
  std::string verdict(const std::string& key = "") const {
    const auto report = verify_pack({.directory = pack(), .key = key, .progress = nullptr});
    return report.has_value() ? "" : std::string(report.error().what());
  }

  testing::TemporaryDirectory directory_;
  testing::TestSigner first_{1}, second_{2}, other_{9};
  testing::MadeLog made_;
  std::uint64_t rotation_ = 0;
};

TEST_F(EvidencePack, HasTheEventsOfItsTimeAndIsGoodUnderEachOfTheKeys) {
  const auto report = make(5, 25);
  ASSERT_TRUE(report.has_value()) << report.error().what();
  EXPECT_EQ(report->events, (Span{5, 26}));  // the rotation's event stands among them
  EXPECT_EQ(report->outside, 1U);            // and is of another time here
  EXPECT_EQ(report->keys, (std::vector<std::string>{key_of(first_), key_of(second_)}));
  std::string expected;
  for (std::uint64_t event = 5; event < 26; ++event) expected += made_.lines[event] + "\n";
  EXPECT_EQ(read_file(pack("events.jsonl")), expected);
  for (const std::string& key : {std::string(), key_of(first_), key_of(second_)}) EXPECT_EQ(verdict(key), "");
  EXPECT_EQ(verdict(key_of(other_)), "the key that was given is none of the pack's, " + key_of(other_));
  const auto checked = verify_pack({.directory = pack(), .key = key_of(second_), .progress = nullptr});
  EXPECT_EQ(checked->first_time, "2027-01-01T00:00:05.000Z");
  EXPECT_EQ(checked->last_time, "2027-01-01T00:00:24.000Z");
  EXPECT_TRUE(checked->key_was_given);
  EXPECT_EQ(read_file(pack("verify.py")), kPackVerifyScript);
}

TEST_F(EvidencePack, IsGoodForEveryRange) {
  for (std::uint64_t from = 0; from < 30; from += 3)
    for (std::uint64_t to = from + 1; to <= 30; to += 4) {
      fs::remove_all(pack());
      ASSERT_TRUE(make(from, to).has_value()) << from << ' ' << to;
      ASSERT_EQ(verdict(), "") << from << ' ' << to;
    }
}

TEST_F(EvidencePack, LeavesOutWhatNoCheckpointCovers) {
  const auto report = make(28, 40);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->not_covered, 1U);
  EXPECT_EQ(report->events, (Span{29, 31}));
  EXPECT_EQ(make(30, 40, "other").error().code(), Code::kNotFound);
  EXPECT_EQ(make(50, 55, "other").error().code(), Code::kNotFound);
}

TEST_F(EvidencePack, OfAPrunedLogBeginsWithWhatIsKeptAndNamesNoKeyItCannotLinkTo) {
  made_.prune(10);
  made_.segment();
  fs::remove_all(log());
  made_.write(log());
  const auto report = make(0, 29);
  ASSERT_TRUE(report.has_value()) << report.error().what();
  EXPECT_EQ(report->events.begin, 10U);
  EXPECT_EQ(report->keys.size(), 2U);
  fs::remove_all(pack());
  made_.prune(23);
  fs::remove_all(log());
  made_.write(log());
  const auto later = make(0, 29);
  ASSERT_TRUE(later.has_value()) << later.error().what();
  EXPECT_EQ(later->events.begin, 23U);
  EXPECT_EQ(later->keys, std::vector<std::string>{key_of(second_)});
}

TEST_F(EvidencePack, RefusesEveryChangedByte) {
  ASSERT_TRUE(make(5, 25).has_value());
  for (const char* name : {"events.jsonl", "events.proof", "keys", "rotation-1.event", "rotation-1.proof"}) {
    const std::string good = read_file(pack(name));
    for (std::size_t i = 0; i < good.size(); i += 7) {
      std::string bad = good;
      bad[i] ^= 1;
      write_file(pack(name), bad);
      EXPECT_NE(verdict(), "") << name << i;
    }
    for (const std::string& bad :
         {std::string(), good.substr(1), good.substr(0, good.size() - 1), good + "\n", good + good}) {
      write_file(pack(name), bad);
      EXPECT_NE(verdict(), "") << name << bad.size();
    }
    fs::remove(pack(name));
    EXPECT_NE(verdict(), "") << name;
    write_file(pack(name), good);
  }
  EXPECT_EQ(verdict(), "");
}

TEST_F(EvidencePack, RefusesEventsThatWereTakenOutPutInOrReordered) {
  ASSERT_TRUE(make(5, 25).has_value());
  const std::vector<std::string> lines = testing::lines_of(read_file(pack("events.jsonl")));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto bad = lines;
    bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(i));
    write_file(pack("events.jsonl"), testing::joined(bad));
    EXPECT_NE(verdict(), "") << i;
    bad = lines;
    bad.insert(bad.begin() + static_cast<std::ptrdiff_t>(i), event_at(3) + "\n");
    write_file(pack("events.jsonl"), testing::joined(bad));
    EXPECT_NE(verdict(), "") << i;
    if (i + 1 == lines.size()) continue;
    bad = lines;
    std::swap(bad[i], bad[i + 1]);
    write_file(pack("events.jsonl"), testing::joined(bad));
    EXPECT_NE(verdict(), "") << i;
  }
}

TEST_F(EvidencePack, IsMadeWholeOrNotAtAllAndInPlaceOfNothing) {
  ASSERT_TRUE(make(5, 25).has_value());
  EXPECT_EQ(make(5, 25).error().code(), Code::kConflict);
  write_file(directory_.path("file"), "mine");
  EXPECT_EQ(make(5, 25, "file").error().code(), Code::kConflict);
  EXPECT_EQ(make(5, 25, "none/pack").error().code(), Code::kNotFound);
  std::string text = read_file(log(segment_name(0)));
  text[text.find("00:07")] = '1';
  write_file(log(segment_name(0)), text);
  const auto altered = make(5, 25, "altered");
  ASSERT_FALSE(altered.has_value());
  EXPECT_EQ(altered.error().code(), Code::kInvalid);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory_.path()))
    names.push_back(entry.path().filename());
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"audit", "file", "pack"}));
  struct stat about{};
  ASSERT_EQ(::stat(pack().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700U);
  for (const auto& entry : fs::directory_iterator(pack())) {
    ASSERT_EQ(::stat(entry.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U) << entry.path();
  }
}

TEST_F(EvidencePack, IsAnArchiveWhereItsNameSaysSo) {
  ASSERT_TRUE(make(5, 25, "pack.tar").has_value());
  const std::string archive = read_file(directory_.path("pack.tar"));
  EXPECT_EQ(archive.size() % 512, 0U);
  EXPECT_EQ(archive.substr(257, 5), "ustar");
  EXPECT_TRUE(archive.starts_with("pack/"));
  EXPECT_NE(archive.find(made_.lines[7] + "\n"), std::string::npos);
  EXPECT_TRUE(archive.ends_with(std::string(1024, '\0')));
  EXPECT_FALSE(fs::exists(pack()));
}

}  // namespace
}  // namespace claviger::audit
