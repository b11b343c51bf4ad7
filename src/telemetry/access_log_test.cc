// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

namespace claviger::telemetry {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// A test that is stuck fails after this long rather than hanging.
constexpr auto kPatience = 20s;

template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class AccessLogTest : public ::testing::Test {
 protected:
  AccessLogTest() {
    std::string pattern = (fs::temp_directory_path() / "clv-access-log-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~AccessLogTest() override { fs::remove_all(directory_); }

  fs::path path(const char* name = "access.log") const { return directory_ / name; }
  std::string target(const char* name = "access.log") const { return "file:" + path(name).string(); }

  static std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path directory_;
};

std::unique_ptr<AccessLogWriter> opened(const std::string& target) {
  auto writer = AccessLogWriter::open(target);
  if (!writer) {
    ADD_FAILURE() << writer.error().what();
    return nullptr;
  }
  return *std::move(writer);
}

// Records that say who wrote them and in which order.
void append_numbered(AccessLog& log, std::string_view worker, int from, int count) {
  for (int i = from; i < from + count; ++i) {
    const std::string number = std::to_string(i);
    log.append({.request_id = number,
                .principal = worker,
                .method = "GET",
                .path = "/v1/some/path",
                .status = 200,
                .code = "ok"});
  }
}

std::string numbered_line(std::string_view worker, int number) {
  return R"({"time":"1970-01-01T00:00:00.000Z","request_id":")" + std::to_string(number) +
         R"(","principal":")" + std::string(worker) +
         R"(","method":"GET","path":"/v1/some/path","status":200,"code":"ok",)" +
         R"("bytes_in":0,"bytes_out":0,"duration_us":0,"reused":false})";
}

// Checks that `text` is whole numbered lines, each worker's in order; returns how many of each.
std::map<std::string, int> count_numbered(const std::string& text) {
  std::map<std::string, int> counts;
  std::map<std::string, int> last;
  EXPECT_TRUE(text.empty() || text.ends_with('\n'));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto id = line.find(R"("request_id":")");
    const auto principal = line.find(R"("principal":")");
    if (id == std::string::npos || principal == std::string::npos) {
      ADD_FAILURE() << "not a line: " << line;
      continue;
    }
    const int number = std::stoi(line.substr(id + 14));
    const std::string worker = line.substr(principal + 13, line.find('"', principal + 13) - principal - 13);
    EXPECT_EQ(line, numbered_line(worker, number));
    EXPECT_TRUE(!last.contains(worker) || last[worker] < number) << line;
    last[worker] = number;
    ++counts[worker];
  }
  return counts;
}

// A FIFO for a target, read by a thread of its own once start() is called.
class Fifo {
 public:
  explicit Fifo(const fs::path& path) {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    fd_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    EXPECT_GE(fd_, 0);
    EXPECT_EQ(::fcntl(fd_, F_SETFL, 0), 0);
  }
  ~Fifo() {
    finish();
    close_end();
  }

  void start() {
    reader_ = std::thread([this] {
      std::array<char, 65536> buffer;
      for (ssize_t n; (n = ::read(fd_, buffer.data(), buffer.size())) > 0;) {
        const std::lock_guard lock(mutex_);
        text_.append(buffer.data(), static_cast<std::size_t>(n));
        lines_ += std::count(buffer.data(), buffer.data() + n, '\n');
      }
    });
  }
  // Until the writers are gone; all that was read.
  std::string finish() {
    if (reader_.joinable()) reader_.join();
    return text_;
  }
  std::int64_t lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  void close_end() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
  std::thread reader_;
  std::mutex mutex_;
  std::string text_;
  std::int64_t lines_ = 0;
};

TEST_F(AccessLogTest, WritesWhatWasAppended) {
  WorkerMetrics metrics;
  auto writer = opened(target());
  {
    AccessLog log(*writer, metrics);
    append_numbered(log, "a", 0, 3);
  }
  writer.reset();
  EXPECT_EQ(contents(path()),
            numbered_line("a", 0) + "\n" + numbered_line("a", 1) + "\n" + numbered_line("a", 2) + "\n");
  struct stat about{};
  ASSERT_EQ(::stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U & ~0640U, 0U);
}

TEST_F(AccessLogTest, AppendsToAFileThatIsThere) {
  std::ofstream(path()) << "before\n";
  WorkerMetrics metrics;
  {
    auto writer = opened(target());
    AccessLog log(*writer, metrics);
    append_numbered(log, "a", 0, 1);
  }
  EXPECT_EQ(contents(path()), "before\n" + numbered_line("a", 0) + "\n");
}

TEST_F(AccessLogTest, FlushMakesLinesVisible) {
  WorkerMetrics metrics;
  auto writer = opened(target());
  AccessLog log(*writer, metrics);
  append_numbered(log, "a", 0, 1);
  log.flush();
  log.flush();
  EXPECT_TRUE(eventually([&] { return contents(path()) == numbered_line("a", 0) + "\n"; }));
}

TEST_F(AccessLogTest, LosesNothingThatItsBuffersHold) {
  constexpr int kLines = 2'000;  // of 200 bytes: less than the eight buffers of each
  WorkerMetrics metrics_a;
  WorkerMetrics metrics_b;
  {
    auto writer = opened(target());
    AccessLog a(*writer, metrics_a);
    AccessLog b(*writer, metrics_b);
    std::thread other([&] { append_numbered(b, "b", 0, kLines); });
    append_numbered(a, "a", 0, kLines);
    other.join();
  }
  const auto counts = count_numbered(contents(path()));
  EXPECT_EQ(counts, (std::map<std::string, int>{{"a", kLines}, {"b", kLines}}));
  EXPECT_EQ(metrics_a.value(Counter::kAccessLogDropped) + metrics_b.value(Counter::kAccessLogDropped), 0U);
}

TEST_F(AccessLogTest, LosesNothingWhenTheWriterKeepsUp) {
  constexpr int kRounds = 5;
  constexpr int kLines = 1'500;
  Fifo fifo(path("fifo"));
  WorkerMetrics metrics_a;
  WorkerMetrics metrics_b;
  {
    auto writer = opened(target("fifo"));
    fifo.start();
    AccessLog a(*writer, metrics_a);
    AccessLog b(*writer, metrics_b);
    for (int round = 0; round < kRounds; ++round) {
      std::thread other([&] { append_numbered(b, "b", round * kLines, kLines); });
      append_numbered(a, "a", round * kLines, kLines);
      other.join();
      ASSERT_TRUE(eventually([&] {
        a.flush();
        b.flush();
        return fifo.lines() == 2 * (round + 1) * kLines;
      }));
    }
  }
  const auto counts = count_numbered(fifo.finish());
  EXPECT_EQ(counts, (std::map<std::string, int>{{"a", kRounds * kLines}, {"b", kRounds * kLines}}));
  EXPECT_EQ(metrics_a.value(Counter::kAccessLogDropped) + metrics_b.value(Counter::kAccessLogDropped), 0U);
}

TEST_F(AccessLogTest, DropsAndCountsWhileNobodyReadsAndRecovers) {
  constexpr int kLines = 10'000;
  Fifo fifo(path("fifo"));
  WorkerMetrics metrics;
  {
    auto writer = opened(target("fifo"));
    AccessLog log(*writer, metrics);
    append_numbered(log, "a", 0, kLines);
    const auto dropped = static_cast<std::int64_t>(metrics.value(Counter::kAccessLogDropped));
    EXPECT_GT(dropped, 0);

    fifo.start();
    EXPECT_TRUE(eventually([&] {
      log.flush();
      return fifo.lines() + dropped == kLines;
    }));
    append_numbered(log, "a", kLines, 1);
  }
  const std::string text = fifo.finish();
  const int read = count_numbered(text)["a"];
  EXPECT_EQ(static_cast<std::uint64_t>(read) + metrics.value(Counter::kAccessLogDropped), kLines + 1U);
  EXPECT_TRUE(text.ends_with(numbered_line("a", kLines) + "\n"));
}

// The worst of targets: a descriptor that blocks, shared with others, and nobody reads.
TEST_F(AccessLogTest, NeitherAppendingNorEndingWaitsForAPipeThatNobodyReads) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const int real_stdout = ::dup(STDOUT_FILENO);
  ASSERT_EQ(::dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
  WorkerMetrics metrics;
  std::chrono::steady_clock::time_point stopping;
  {
    auto writer = AccessLogWriter::open("stdout");
    AccessLog log(**writer, metrics);
    append_numbered(log, "a", 0, 10'000);
    stopping = std::chrono::steady_clock::now();
  }
  const auto took = std::chrono::steady_clock::now() - stopping;
  ::dup2(real_stdout, STDOUT_FILENO);
  ::close(real_stdout);
  ::close(ends[1]);
  ::close(ends[0]);
  EXPECT_GT(metrics.value(Counter::kAccessLogDropped), 5'000U);
  EXPECT_GE(took, 1'900ms);
  EXPECT_LT(took, 5s);  // an idle machine: 2.0 s
}

TEST_F(AccessLogTest, CountsWhatATargetRefuses) {
  WorkerMetrics metrics;
  auto writer = opened("file:/dev/full");
  AccessLog log(*writer, metrics);
  append_numbered(log, "a", 0, 1'000);
  EXPECT_TRUE(eventually([&] {
    log.flush();
    return metrics.value(Counter::kAccessLogDropped) == 1'000;
  }));
}

TEST_F(AccessLogTest, BeginsANewLineAfterOneThatWasTorn) {
  constexpr rlim_t kFull = 1'000;  // in the sixth line
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  std::string expected;
  for (int i = 0; i < 6; ++i) expected += numbered_line("a", i) + "\n";
  expected.resize(kFull);
  ASSERT_FALSE(expected.ends_with('\n'));

  WorkerMetrics metrics;
  {
    auto writer = opened(target());
    AccessLog log(*writer, metrics);
    const rlimit full{kFull, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);  // the writer takes no SIGXFSZ; nobody else writes now
    append_numbered(log, "a", 0, 10);
    const bool dropped = eventually([&] {
      log.flush();
      return metrics.value(Counter::kAccessLogDropped) > 0;
    });
    ::setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_TRUE(dropped);
    append_numbered(log, "a", 10, 1);
  }
  EXPECT_EQ(metrics.value(Counter::kAccessLogDropped), 5U);
  EXPECT_EQ(contents(path()), expected + "\n" + numbered_line("a", 10) + "\n");
}

TEST_F(AccessLogTest, SurvivesAReaderThatLeaves) {
  Fifo fifo(path("fifo"));
  WorkerMetrics metrics;
  auto writer = opened(target("fifo"));
  AccessLog log(*writer, metrics);
  fifo.close_end();
  append_numbered(log, "a", 0, 10);
  EXPECT_TRUE(eventually([&] {
    log.flush();
    return metrics.value(Counter::kAccessLogDropped) == 10;
  }));
}

TEST_F(AccessLogTest, ReopensAfterRotation) {
  WorkerMetrics metrics;
  {
    auto writer = opened(target());
    AccessLog log(*writer, metrics);
    append_numbered(log, "a", 0, 1);
    log.flush();
    ASSERT_TRUE(eventually([&] { return !contents(path()).empty(); }));
    fs::rename(path(), path("access.log.1"));
    ASSERT_TRUE(writer->reopen().has_value());
    append_numbered(log, "a", 1, 1);
  }
  EXPECT_EQ(contents(path("access.log.1")), numbered_line("a", 0) + "\n");
  EXPECT_EQ(contents(path()), numbered_line("a", 1) + "\n");
}

TEST_F(AccessLogTest, GoesOnWithTheOldFileWhenReopeningFails) {
  WorkerMetrics metrics;
  {
    auto writer = opened(target());
    AccessLog log(*writer, metrics);
    fs::rename(path(), path("access.log.1"));
    fs::create_directory(path());
    const auto reopened = writer->reopen();
    ASSERT_FALSE(reopened.has_value());
    EXPECT_EQ(reopened.error().code(), Code::kIo);
    append_numbered(log, "a", 0, 1);
  }
  EXPECT_EQ(contents(path("access.log.1")), numbered_line("a", 0) + "\n");
}

TEST_F(AccessLogTest, DoesNothingWhenOff) {
  WorkerMetrics metrics;
  auto writer = opened("off");
  EXPECT_TRUE(writer->is_off());
  AccessLog log(*writer, metrics);
  append_numbered(log, "a", 0, 10);
  log.flush();
  EXPECT_TRUE(writer->reopen().has_value());
  EXPECT_EQ(metrics.value(Counter::kAccessLogDropped), 0U);
}

TEST_F(AccessLogTest, RefusesTargetsItDoesNotKnow) {
  for (const char* text : {"", "STDOUT", "file:", "/var/log/access.log", "syslog"}) {
    const auto writer = AccessLogWriter::open(text);
    ASSERT_FALSE(writer.has_value()) << text;
    EXPECT_EQ(writer.error().code(), Code::kInvalid);
  }
  const auto missing = AccessLogWriter::open("file:" + (directory_ / "no" / "such").string());
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), Code::kIo);
  EXPECT_THAT(missing.error().what(), ::testing::HasSubstr("no/such"));
}

TEST_F(AccessLogTest, ItsThreadHasANameAndTakesNoSignals) {
  auto writer = opened(target());
  // Every signal that can be blocked: all but KILL and STOP, and the two that the C library keeps.
  EXPECT_TRUE(eventually([&] {
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
      if (contents(task.path() / "comm") != "clv-accesslog\n") continue;
      const std::string status = contents(task.path() / "status");
      const auto blocked = std::stoull(status.substr(status.find("SigBlk:") + 7), nullptr, 16);
      for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGPIPE, SIGUSR1, SIGRTMAX}) {
        EXPECT_TRUE(blocked >> (signal - 1) & 1) << signal;
      }
      return true;
    }
    return false;
  }));
}

TEST_F(AccessLogTest, WorkersMayComeAndGo) {
  WorkerMetrics metrics;
  constexpr int kWorkers = 50;
  {
    auto writer = opened(target());
    for (int i = 0; i < kWorkers; ++i) {
      AccessLog log(*writer, metrics);
      append_numbered(log, "a", i, 1);
    }
  }
  EXPECT_EQ(count_numbered(contents(path()))["a"], kWorkers);
}

}  // namespace
}  // namespace claviger::telemetry
