// SPDX-License-Identifier: Apache-2.0
#include "telemetry/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "base/testing/fake_clock.h"

namespace claviger::telemetry {
namespace {

// A pipe to log into. Small lines only: nobody reads until asked.
class LogTest : public ::testing::Test {
 protected:
  LogTest() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK), 0); }
  ~LogTest() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  std::string written() {
    std::string all;
    std::array<char, 4096> buffer;
    for (ssize_t n; (n = ::read(ends_[0], buffer.data(), buffer.size())) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

  std::array<int, 2> ends_{-1, -1};
  base::testing::FakeClock clock_;
};

TEST_F(LogTest, WritesOneJsonObjectALine) {
  Log log(Level::kDebug, ends_[1], clock_);
  log.info("listener_started", {{"address", "127.0.0.1:8443"}, {"workers", 4}, {"tls", true}});
  clock_.advance(std::chrono::microseconds(1'234'567));
  log.error("disk_full");
  EXPECT_EQ(written(), R"({"time":"2026-01-01T00:00:00.000Z","level":"info","event":"listener_started",)"
                       R"("address":"127.0.0.1:8443","workers":4,"tls":true})"
                       "\n"
                       R"({"time":"2026-01-01T00:00:01.234Z","level":"error","event":"disk_full"})"
                       "\n");
}

TEST_F(LogTest, WritesNumbersOfEverySize) {
  Log log(Level::kInfo, ends_[1], clock_);
  log.warning("numbers",
              {{"low", INT64_MIN}, {"high", UINT64_MAX}, {"small", std::uint8_t{7}}, {"no", false}});
  EXPECT_THAT(written(),
              ::testing::HasSubstr(
                  R"("low":-9223372036854775808,"high":18446744073709551615,"small":7,"no":false})"));
}

TEST_F(LogTest, IsQuietBelowItsLevel) {
  Log log(Level::kWarning, ends_[1], clock_);
  log.debug("a");
  log.info("b");
  EXPECT_EQ(written(), "");
  log.warning("c");
  log.error("d");
  EXPECT_THAT(written(), ::testing::AllOf(::testing::HasSubstr(R"("event":"c")"),
                                          ::testing::HasSubstr(R"("event":"d")")));
}

TEST_F(LogTest, RedactsEveryTextValue) {
  Log log(Level::kInfo, ends_[1], clock_);
  log.info("dump Bearer fake-token-0",
           {{"head", "Authorization: Bearer fake"}, {"url", std::string("https://u:fake@h/")}});
  log.debug("x", {{"head", "Authorization: fake"}});
  const std::string line = written();
  EXPECT_EQ(line.find("fake"), std::string::npos) << line;
  EXPECT_THAT(line, ::testing::HasSubstr(
                        R"("head":"Authorization: Bearer [redacted]","url":"https://[redacted]@h/"})"));
}

TEST_F(LogTest, RedactsFieldsWhoseNameSaysSecret) {
  Log log(Level::kInfo, ends_[1], clock_);
  log.info("x", {{"client_secret", "fake"}, {"password", ""}, {"key", "7f3k9x2m"}});
  EXPECT_THAT(written(),
              ::testing::HasSubstr(R"("client_secret":"[redacted]","password":"","key":"7f3k9x2m"})"));
}

TEST_F(LogTest, KeepsALineALineWhateverIsInIt) {
  Log log(Level::kInfo, ends_[1], clock_);
  log.info("x", {{"a\nb", "line\n{\"level\":\"error\"}\x1b[2J\xff"}});
  EXPECT_THAT(written(), ::testing::EndsWith(
                             "\"a\\nb\":\"line\\n{\\\"level\\\":\\\"error\\\"}\\u001b[2J\xef\xbf\xbd\"}\n"));
}

TEST_F(LogTest, GivesUpOnAReaderThatDoesNotReadAndRecovers) {
  Log log(Level::kInfo, ends_[1], clock_);
  const std::string filler(9'000, '.');
  for (int i = 0; i < 10; ++i) log.info("filler", {{"text", filler}});  // a pipe holds 64 KiB
  std::string all = written();
  EXPECT_LT(std::ranges::count(all, '\n'), 10);
  ASSERT_FALSE(all.ends_with('\n'));

  log.info("after");
  all += written();
  EXPECT_THAT(all, ::testing::EndsWith(
                       "\n{\"time\":\"2026-01-01T00:00:00.000Z\",\"level\":\"info\",\"event\":\"after\"}\n"));
}

TEST_F(LogTest, DoesNotMixLinesOfThreads) {
  Log log(Level::kInfo, ends_[1], clock_);
  const std::string text(200, 'x');
  const auto write_some = [&] {
    for (int i = 0; i < 50; ++i) log.info("line", {{"text", text}});
  };
  std::thread other(write_some);
  write_some();
  other.join();

  std::string all = written();
  const std::string expected =
      R"({"time":"2026-01-01T00:00:00.000Z","level":"info","event":"line","text":")" + text + "\"}\n";
  ASSERT_EQ(all.size(), 100 * expected.size());
  for (std::size_t i = 0; i < all.size(); i += expected.size())
    ASSERT_EQ(all.substr(i, expected.size()), expected);
}

TEST_F(LogTest, SurvivesADescriptorThatIsGone) {
  Log log(Level::kInfo, -1, clock_);
  log.error("nobody_hears");
}

TEST(ParseLevel, KnowsTheFourLevelsOnly) {
  EXPECT_EQ(*parse_level("debug"), Level::kDebug);
  EXPECT_EQ(*parse_level("info"), Level::kInfo);
  EXPECT_EQ(*parse_level("warning"), Level::kWarning);
  EXPECT_EQ(*parse_level("error"), Level::kError);
  for (const char* text : {"", "Info", "warn", "info ", "trace"}) {
    const auto level = parse_level(text);
    ASSERT_FALSE(level.has_value()) << text;
    EXPECT_EQ(level.error().code(), Code::kInvalid);
  }
}

}  // namespace
}  // namespace claviger::telemetry
