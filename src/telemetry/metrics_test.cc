// SPDX-License-Identifier: Apache-2.0
#include "telemetry/metrics.h"

#include <fstream>
#include <thread>

#include "telemetry/expose.h"
#include "telemetry/testing/exposed.h"

namespace claviger::telemetry {
namespace {

using testing::Exposed;

constexpr ProcessSample kProcess = {.arena_bytes_in_use = 4096,
                                    .arena_bytes_limit = 67108864,
                                    .arena_is_memfd = true,
                                    .openssl_arena_overflows = 3,
                                    .version = "1.2.3"};

TEST(Metrics, ExposesEveryCounterAndGaugeOfEveryWorker) {
  WorkerMetrics first;
  WorkerMetrics second;
  constexpr auto kCounters = static_cast<std::size_t>(Counter::kCount);
  constexpr auto kGauges = static_cast<std::size_t>(Gauge::kCount);
  const Exposed exposed(expose({{"0", &first}, {"1", &second}, {"control", &first}}, kProcess));
  constexpr auto kRules = 2 * static_cast<std::size_t>(CodecRule::kCount);
  constexpr auto kTls = 8 + 2 * static_cast<std::size_t>(TlsFailure::kCount);
  constexpr auto kDurations = 2 * (Histogram::kSteps.size() + 3);  // of requests, and of waits for the disk
  EXPECT_EQ(exposed.size(), 3 * (kCounters + kGauges + kRules + kTls + kDurations) + 5);
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

TEST(Metrics, CountsRequestsByHowLongTheyTook) {
  using std::chrono::milliseconds;
  WorkerMetrics metrics;
  for (const int took : {0, 1, 2, 3, 2500, 299'999, 300'001}) metrics.add_request(milliseconds(took));
  metrics.add_request(std::chrono::microseconds(1001));
  const Exposed exposed(expose({{"0", &metrics}}, kProcess));
  const auto bucket = [&](const std::string& le) {
    return exposed.value(R"(claviger_request_duration_seconds_bucket{worker="0",le=")" + le + "\"}");
  };
  EXPECT_EQ(exposed.type("claviger_request_duration_seconds"), "histogram");
  EXPECT_EQ(bucket("0.001"), "2");  // exactly a millisecond is within it
  EXPECT_EQ(bucket("0.002"), "4");
  EXPECT_EQ(bucket("0.005"), "5");
  EXPECT_EQ(bucket("1"), "5");
  EXPECT_EQ(bucket("2.5"), "6");
  EXPECT_EQ(bucket("300"), "7");
  EXPECT_EQ(bucket("+Inf"), "8");
  EXPECT_EQ(exposed.value(R"(claviger_request_duration_seconds_count{worker="0"})"), "8");
  EXPECT_DOUBLE_EQ(std::stod(exposed.value(R"(claviger_request_duration_seconds_sum{worker="0"})")),
                   602.507001);
}

TEST(Metrics, TheStepsOfAHistogramRiseAndAreNamedAsTheyAre) {
  std::chrono::milliseconds last{0};
  for (const Histogram::Step& step : Histogram::kSteps) {
    EXPECT_GT(step.up_to, last);
    last = step.up_to;
    EXPECT_DOUBLE_EQ(std::stod(std::string(step.le)), std::chrono::duration<double>(step.up_to).count());
  }
}

TEST(Metrics, AClockThatStepsBackTakesNothingAway) {
  WorkerMetrics metrics;
  metrics.add_request(std::chrono::seconds(-1));
  EXPECT_EQ(metrics.requests().sum().count(), 0);
  EXPECT_EQ(metrics.requests().count(0), 1U);
}

TEST(Metrics, CountsBrokenRulesBySide) {
  WorkerMetrics metrics;
  metrics.add(Side::kCaller, CodecRule::kStartLine);
  metrics.add(Side::kCaller, CodecRule::kOther);
  metrics.add(Side::kUpstream, CodecRule::kOther);
  metrics.add(Side::kUpstream, CodecRule::kOther);
  const Exposed exposed(expose({{"0", &metrics}}, kProcess));
  EXPECT_EQ(exposed.value(R"(claviger_codec_errors_total{side="caller",rule="start_line",worker="0"})"), "1");
  EXPECT_EQ(exposed.value(R"(claviger_codec_errors_total{side="upstream",rule="start_line",worker="0"})"),
            "0");
  EXPECT_EQ(exposed.value(R"(claviger_codec_errors_total{side="caller",rule="other",worker="0"})"), "1");
  EXPECT_EQ(exposed.value(R"(claviger_codec_errors_total{side="upstream",rule="other",worker="0"})"), "2");
}

TEST(Metrics, CountsHandshakesByWhatTheyWere) {
  WorkerMetrics metrics;
  std::uint64_t next = 0;
  for (const Side side : {Side::kCaller, Side::kUpstream})
    for (const bool tls13 : {false, true})
      for (const bool resumed : {false, true})
        for (std::uint64_t i = ++next; i > 0; --i) metrics.add(TlsHandshake{side, tls13, resumed});
  metrics.add(Side::kUpstream, TlsFailure::kCertificate);
  metrics.add(Side::kCaller, TlsFailure::kVersion);
  const Exposed exposed(expose({{"0", &metrics}}, kProcess));
  const auto done = [&](const std::string& side, const std::string& version, const std::string& resumed) {
    return exposed.value("claviger_tls_handshakes_total{side=\"" + side + "\",version=\"" + version +
                         "\",resumed=\"" + resumed + "\",worker=\"0\"}");
  };
  EXPECT_EQ(done("caller", "1.2", "no"), "1");
  EXPECT_EQ(done("caller", "1.2", "yes"), "2");
  EXPECT_EQ(done("caller", "1.3", "no"), "3");
  EXPECT_EQ(done("upstream", "1.3", "yes"), "8");
  const std::string failed = "claviger_tls_handshakes_failed_total{side=";
  EXPECT_EQ(exposed.value(failed + R"("upstream",reason="certificate",worker="0"})"), "1");
  EXPECT_EQ(exposed.value(failed + R"("caller",reason="version",worker="0"})"), "1");
  EXPECT_EQ(exposed.value(failed + R"("caller",reason="certificate",worker="0"})"), "0");
}

TEST(Metrics, ShowsNanosecondsAsSeconds) {
  WorkerMetrics metrics;
  metrics.add(Counter::kLoopBusyNanoseconds, 1'500'000'000);
  metrics.set(Gauge::kLoopLagNanoseconds, 250'000);
  const Exposed exposed(expose({{"0", &metrics}}, kProcess));
  EXPECT_DOUBLE_EQ(std::stod(exposed.value(R"(claviger_loop_busy_seconds_total{worker="0"})")), 1.5);
  EXPECT_DOUBLE_EQ(std::stod(exposed.value(R"(claviger_loop_lag_seconds{worker="0"})")), 0.00025);
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
