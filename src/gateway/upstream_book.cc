// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_book.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "telemetry/exposition.h"

namespace claviger::gateway {
namespace {

using telemetry::label;

constexpr const char* kOther = "(other)";

struct Row {
  UpstreamCount what;
  std::string_view family;
  std::string_view labels;  // constant ones, beside upstream="..."
  std::string_view help;    // the first of a family counts
};

using C = UpstreamCount;
constexpr std::string_view kAnswersHelp = "Answers of each upstream, by class of status.";
constexpr std::string_view kFailuresHelp =
    "Attempts to call an upstream that came to nothing, by what failed.";

constexpr auto kRows = std::to_array<Row>({
    {C::kCalls, "claviger_upstream_calls_total", "", "Calls for each upstream."},
    {C::kAnswers2xx, "claviger_upstream_answers_total", R"(class="2xx")", kAnswersHelp},
    {C::kAnswers3xx, "claviger_upstream_answers_total", R"(class="3xx")", kAnswersHelp},
    {C::kAnswers4xx, "claviger_upstream_answers_total", R"(class="4xx")", kAnswersHelp},
    {C::kAnswers5xx, "claviger_upstream_answers_total", R"(class="5xx")", kAnswersHelp},
    {C::kFailedConnect, "claviger_upstream_failures_total", R"(kind="connect")", kFailuresHelp},
    {C::kFailedTls, "claviger_upstream_failures_total", R"(kind="tls")", kFailuresHelp},
    {C::kFailedTimeout, "claviger_upstream_failures_total", R"(kind="timeout")", kFailuresHelp},
    {C::kFailedClosed, "claviger_upstream_failures_total", R"(kind="closed")", kFailuresHelp},
    {C::kFailedProtocol, "claviger_upstream_failures_total", R"(kind="protocol")", kFailuresHelp},
    {C::kRetries, "claviger_upstream_retries_total", "", "Further attempts of calls, on another connection."},
});

std::string with_upstream(std::string_view more, std::string_view upstream) {
  std::string labels(more);
  if (!labels.empty()) labels += ',';
  return labels + label("upstream", upstream);
}

}  // namespace

// --- One pool ------------------------------------------------------------------------------------

UpstreamStats::UpstreamStats(UpstreamBook* book, const std::string& upstream,
                             std::vector<std::string> endpoints)
    : book_(book), endpoints_(std::move(endpoints)) {
  CLV_CHECK(endpoints_.size() <= down_.size());
  if (book_ != nullptr) book_->enter(*this, upstream);
}

UpstreamStats::~UpstreamStats() {
  if (book_ != nullptr) book_->leave(*this);
}

// --- All of them ---------------------------------------------------------------------------------

// What the pools of one upstream come to.
struct UpstreamBook::Sample {
  UpstreamCounts counts{};
  std::int64_t in_use = 0;
  std::int64_t idle = 0;
  std::map<std::string, bool> is_up;  // endpoints: as all of those workers see it that call them
};

// A name that came when there were a hundred takes the place of one that nobody calls any more.
UpstreamPage& UpstreamBook::page_of(const std::string& upstream) {
  if (const auto known = pages_.find(upstream); known != pages_.end()) return known->second;
  if (pages_.size() >= kMaxNames) {
    const auto unused =
        std::ranges::find_if(pages_, [](const auto& each) { return each.second.pools.empty(); });
    if (unused == pages_.end()) return other_;
    for (std::size_t i = 0; i < other_.gone.size(); ++i) other_.gone[i] += unused->second.gone[i];
    pages_.erase(unused);
  }
  return pages_[upstream];
}

void UpstreamBook::enter(UpstreamStats& stats, const std::string& upstream) {
  const std::lock_guard lock(mutex_);
  UpstreamPage& page = page_of(upstream);
  page.pools.push_back(&stats);
  stats.page_ = &page;
}

void UpstreamBook::leave(UpstreamStats& stats) noexcept {
  const std::lock_guard lock(mutex_);
  UpstreamPage& page = *stats.page_;
  std::erase(page.pools, &stats);
  for (std::size_t i = 0; i < page.gone.size(); ++i)
    page.gone[i] += stats.value(static_cast<UpstreamCount>(i));
}

UpstreamBook::Sample UpstreamBook::sample_of(const UpstreamPage& page) {
  Sample sample{.counts = page.gone};
  for (const UpstreamStats* pool : page.pools) {
    for (std::size_t i = 0; i < sample.counts.size(); ++i)
      sample.counts[i] += pool->value(static_cast<UpstreamCount>(i));
    sample.in_use += pool->in_use_.load(std::memory_order_relaxed);
    sample.idle += pool->idle_.load(std::memory_order_relaxed);
    if (pool->retired_.load(std::memory_order_relaxed)) continue;
    for (std::size_t i = 0; i < pool->endpoints_.size(); ++i) {
      const bool is_up = !pool->down_[i].load(std::memory_order_relaxed);
      const auto known = sample.is_up.emplace(pool->endpoints_[i], is_up).first;
      known->second = known->second && is_up;
    }
  }
  return sample;
}

std::map<std::string, UpstreamBook::Sample> UpstreamBook::samples() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Sample> all;
  for (const auto& [name, page] : pages_) all.emplace(name, sample_of(page));
  Sample others = sample_of(other_);
  others.is_up.clear();  // there may be any number of them
  const bool has_any =
      !other_.pools.empty() || std::ranges::any_of(others.counts, [](auto n) { return n > 0; });
  if (has_any) all.emplace(kOther, std::move(others));
  return all;
}

std::vector<EndpointState> UpstreamBook::endpoints() const {
  std::vector<EndpointState> all;
  for (const auto& [name, sample] : samples())
    for (const auto& [endpoint, is_up] : sample.is_up) all.push_back({name, endpoint, is_up});
  return all;
}

std::string UpstreamBook::expose() const {
  const std::map<std::string, Sample> all = samples();
  telemetry::Exposition out;
  std::string_view family;
  for (const Row& row : kRows) {
    if (row.family != family) out.family(row.family, "counter", row.help);
    family = row.family;
    for (const auto& [name, sample] : all)
      out.sample(family, with_upstream(row.labels, name), sample.counts[static_cast<std::size_t>(row.what)]);
  }
  constexpr std::string_view kConnections = "claviger_upstream_connections";
  out.family(kConnections, "gauge", "Connections to each upstream.");
  for (const auto& [name, sample] : all) {
    out.sample(kConnections, with_upstream(R"(state="in_use")", name), sample.in_use);
    out.sample(kConnections, with_upstream(R"(state="idle")", name), sample.idle);
  }
  constexpr std::string_view kUp = "claviger_upstream_endpoint_up";
  out.family(kUp, "gauge", "0 while calls are kept from an upstream's address, by one worker at least.");
  for (const auto& [name, sample] : all) {
    for (const auto& [endpoint, is_up] : sample.is_up)
      out.sample(kUp, with_upstream(label("endpoint", endpoint), name), is_up ? 1 : 0);
  }
  return out.take();
}

}  // namespace claviger::gateway
