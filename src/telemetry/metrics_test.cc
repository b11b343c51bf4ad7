// SPDX-License-Identifier: Apache-2.0
#include "telemetry/metrics.h"

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

namespace claviger::telemetry {
namespace {

constexpr ProcessSample kProcess = {.arena_bytes_in_use = 4096,
                                    .arena_bytes_limit = 67108864,
                                    .arena_is_memfd = true,
                                    .openssl_arena_overflows = 3,
                                    .version = "1.2.3"};

// Reads an exposition strictly: every family announced once by HELP and TYPE, its samples right behind,
// counters named so, no sample twice. Fails the test on anything else.
class Exposed {
 public:
  explicit Exposed(const std::string& text) {
    EXPECT_TRUE(text.ends_with('\n'));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read(line);
  }

  // By all that stands before the value.
  std::string value(const std::string& series) const {
    const auto found = samples_.find(series);
    return found == samples_.end() ? "none" : found->second;
  }
  std::string type(const std::string& family) const {
    const auto found = types_.find(family);
    return found == types_.end() ? "none" : found->second;
  }
  std::size_t size() const { return samples_.size(); }

 private:
  void read(const std::string& line) {
    static const std::regex kHelp(R"(# HELP ([a-z_][a-z0-9_]*) ([^\\]+\.))");
    static const std::regex kType(R"(# TYPE ([a-z_][a-z0-9_]*) (counter|gauge))");
    static const std::regex kSample(
        R"re((([a-z_][a-z0-9_]*)(\{[a-z]+="([^"\\]|\\[\\"n])*"(,[a-z]+="([^"\\]|\\[\\"n])*")*\})?) (-?[0-9]+))re");
    std::smatch match;
    if (std::regex_match(line, match, kHelp)) {
      EXPECT_TRUE(seen_.insert(match[1]).second) << "twice: " << line;
      family_ = match[1];
    } else if (std::regex_match(line, match, kType)) {
      EXPECT_EQ(match[1], family_) << line;
      EXPECT_EQ(family_.ends_with("_total"), match[2] == "counter") << line;
      EXPECT_TRUE(family_.starts_with("claviger_")) << line;
      types_[family_] = match[2];
    } else if (std::regex_match(line, match, kSample)) {
      EXPECT_EQ(match[2], family_) << line;
      EXPECT_TRUE(types_.contains(family_)) << line;
      EXPECT_TRUE(samples_.emplace(match[1], match[7]).second) << "twice: " << line;
    } else {
      ADD_FAILURE() << "not an exposition line: " << line;
    }
  }

  std::string family_;
  std::set<std::string> seen_;
  std::map<std::string, std::string> types_;
  std::map<std::string, std::string> samples_;
};

TEST(Metrics, ExposesEveryCounterAndGaugeOfEveryWorker) {
  WorkerMetrics first;
  WorkerMetrics second;
  constexpr auto kCounters = static_cast<std::size_t>(Counter::kCount);
  constexpr auto kGauges = static_cast<std::size_t>(Gauge::kCount);
  const Exposed exposed(expose({{"0", &first}, {"1", &second}, {"control", &first}}, kProcess));
  EXPECT_EQ(exposed.size(), 3 * (kCounters + kGauges) + 5);
}

TEST(Metrics, ExposesWhatIsKnownOfQuotasWhereThereIsAStore) {
  ProcessSample process = kProcess;
  EXPECT_EQ(Exposed(expose({}, process)).value("claviger_quota_counters"), "none");
  process.quotas = QuotaSample{.counters = 3, .saves = 20, .failed_saves = 1};
  const Exposed exposed(expose({}, process));
  EXPECT_EQ(exposed.value("claviger_quota_counters"), "3");
  EXPECT_EQ(exposed.value("claviger_quota_saves_total"), "20");
  EXPECT_EQ(exposed.value("claviger_quota_saves_failed_total"), "1");
}

TEST(Metrics, CountsByWorker) {
  WorkerMetrics first;
  WorkerMetrics second;
  first.add(Counter::kRequests, 41);
  first.add(Counter::kRequests);
  second.add(Counter::kRequests, UINT64_MAX);
  first.add(Gauge::kConnectionsOpen, 5);
  first.add(Gauge::kConnectionsOpen, -7);
  second.set(Gauge::kSnapshotRevision, 9);

  const Exposed exposed(expose({{"0", &first}, {"1", &second}}, kProcess));
  EXPECT_EQ(exposed.value(R"(claviger_requests_total{worker="0"})"), "42");
  EXPECT_EQ(exposed.value(R"(claviger_requests_total{worker="1"})"), "18446744073709551615");
  EXPECT_EQ(exposed.value(R"(claviger_connections_open{worker="0"})"), "-2");
  EXPECT_EQ(exposed.value(R"(claviger_snapshot_revision{worker="1"})"), "9");
  EXPECT_EQ(exposed.type("claviger_requests_total"), "counter");
  EXPECT_EQ(exposed.type("claviger_connections_open"), "gauge");
}

TEST(Metrics, NamesRefusalsByTheCodesOfTheInterface) {
  const std::vector<std::pair<Counter, std::string>> codes = {
      {Counter::kRefusedBadRequest, "bad_request"},
      {Counter::kRefusedUnauthenticated, "unauthenticated"},
      {Counter::kRefusedDenied, "denied"},
      {Counter::kRefusedNoUpstream, "no_upstream"},
      {Counter::kRefusedTooLarge, "too_large"},
      {Counter::kRefusedLimited, "limited"},
      {Counter::kRefusedNoCredential, "no_credential"},
      {Counter::kRefusedUpstreamFailed, "upstream_failed"},
      {Counter::kRefusedUpstreamTimeout, "upstream_timeout"},
      {Counter::kRefusedUnavailable, "unavailable"},
  };
  WorkerMetrics metrics;
  for (std::size_t i = 0; i < codes.size(); ++i) metrics.add(codes[i].first, i + 1);
  const Exposed exposed(expose({{"0", &metrics}}, kProcess));
  for (std::size_t i = 0; i < codes.size(); ++i) {
    EXPECT_EQ(exposed.value("claviger_refusals_total{code=\"" + codes[i].second + "\",worker=\"0\"}"),
              std::to_string(i + 1));
  }
}

TEST(Metrics, NamesAnswersByClass) {
  WorkerMetrics metrics;
  metrics.add(Counter::kAnswers2xx, 2);
  metrics.add(Counter::kAnswers5xx, 5);
  const Exposed exposed(expose({{"0", &metrics}}, kProcess));
  EXPECT_EQ(exposed.value(R"(claviger_answers_total{class="2xx",worker="0"})"), "2");
  EXPECT_EQ(exposed.value(R"(claviger_answers_total{class="5xx",worker="0"})"), "5");
}

TEST(Metrics, TellsAboutTheProcess) {
  const Exposed exposed(expose({}, kProcess));
  EXPECT_EQ(exposed.value(R"(claviger_build_info{version="1.2.3"})"), "1");
  EXPECT_EQ(exposed.value(R"(claviger_secret_arena_bytes{state="in_use"})"), "4096");
  EXPECT_EQ(exposed.value(R"(claviger_secret_arena_bytes{state="limit"})"), "67108864");
  EXPECT_EQ(exposed.value(R"(claviger_secret_memory{kind="memfd"})"), "1");
  EXPECT_EQ(exposed.value(R"(claviger_openssl_arena_overflows_total)"), "3");

  ProcessSample locked = kProcess;
  locked.arena_is_memfd = false;
  EXPECT_EQ(Exposed(expose({}, locked)).value(R"(claviger_secret_memory{kind="locked"})"), "1");
}

TEST(Metrics, EscapesLabelValues) {
  ProcessSample odd = kProcess;
  odd.version = "a\"b\\c\nd";
  EXPECT_EQ(Exposed(expose({}, odd)).value(R"(claviger_build_info{version="a\"b\\c\nd"})"), "1");
}

TEST(Metrics, CanBeReadWhileItsWorkerCounts) {
  WorkerMetrics metrics;
  std::thread worker([&] {
    for (int i = 0; i < 10'000; ++i) metrics.add(Counter::kRequests);
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t now = metrics.value(Counter::kRequests);
    EXPECT_GE(now, last);
    last = now;
  }
  worker.join();
  EXPECT_EQ(metrics.value(Counter::kRequests), 10'000U);
}

}  // namespace
}  // namespace claviger::telemetry
