// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "doors/externaldns/door_stats.h"
#include "gateway/credential_desk.h"
#include "gateway/token_desk.h"
#include "gateway/upstream_book.h"
#include "sinks/sinks.h"
#include "sources/desk.h"
#include "telemetry/expose.h"
#include "telemetry/testing/exposed.h"

namespace claviger::server {
namespace {

using telemetry::testing::Exposed;

// With one credential that has all that can be said of one.
std::string credentials_page() {
  static const SystemClock clock;
  static telemetry::Log log(telemetry::Level::kError, -1, clock);
  policy::Upstream upstream;
  upstream.credentials.emplace_back();
  upstream.credentials[0].name = upstream.credentials[0].upstream = "any";
  upstream.credentials[0].version = 1;
  upstream.credentials[0].set_at = clock.wall() - std::chrono::hours(1);
  upstream.credentials[0].expires = clock.wall() + std::chrono::hours(1);
  auto runtime = std::make_shared<gateway::UpstreamRuntime>();
  runtime->source = std::make_shared<const policy::Upstream>(std::move(upstream));
  gateway::World world;
  world.upstreams =
      std::make_shared<const gateway::UpstreamTable>(gateway::UpstreamTable{std::move(runtime)});
  gateway::CredentialLives lives;
  return gateway::CredentialDesk({clock, lives, log, nullptr, nullptr}).expose(world);
}

std::string doors_page() {
  static doors::externaldns::DoorStats stats;
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code)
    for (int call = 0; call < static_cast<int>(doors::externaldns::kWebhookCalls); ++call)
      stats.refused(static_cast<doors::externaldns::WebhookCall>(call), static_cast<Code>(code));
  const doors::externaldns::NamedDoor door{"any", &stats};
  return doors::externaldns::expose({&door, 1});
}

// What a gateway with everything on could say of itself.
std::string whole_page() {
  static const telemetry::WorkerMetrics metrics;
  const telemetry::ProcessSample process{.arena_bytes_in_use = 1,
                                         .arena_bytes_limit = 2,
                                         .arena_is_memfd = true,
                                         .openssl_arena_overflows = 0,
                                         .version = "1",
                                         .audit = telemetry::AuditSample{},
                                         .quotas = telemetry::QuotaSample{},
                                         .load = telemetry::LoadSample{}};
  gateway::UpstreamBook book;
  const gateway::UpstreamStats stats(&book, "any", {"https://api.example"});
  return telemetry::expose({{"0", &metrics}}, process) + book.expose() +
         sinks::expose({sinks::SinkState{.name = "any"}}) + sources::expose({}, {}) + credentials_page() +
         gateway::expose_tokens({}, {gateway::TokenShown{.credential = "any"}}) + doors_page();
}

std::string quoted(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "`" : ", `") + word + '`';
  return text;
}

// Names that others choose, and what depends on the machine, stand in no table.
bool has_fixed_values(const std::string& family, const std::string& label) {
  static const std::set<std::string> kChosen{"worker", "upstream", "endpoint", "sink", "credential", "door"};
  return !kChosen.contains(label) && family != "claviger_build_info" && family != "claviger_secret_memory";
}

// The rows that docs/metrics.md is to have: one for each family, and one for each label with a fixed set of values.
std::vector<std::string> expected_rows() {
  std::vector<std::string> rows;
  const Exposed exposed(whole_page());
  for (const Exposed::Family& family : exposed.families())
    rows.push_back("| `" + family.name + "` | " + family.type + " | " + quoted(family.label_order) + " | " +
                   family.help + " |");
  for (const Exposed::Family& family : exposed.families()) {
    for (const std::string& label : family.label_order)
      if (has_fixed_values(family.name, label))
        rows.push_back("| `" + family.name + "` | `" + label + "` | " + quoted(family.labels.at(label)) +
                       " |");
  }
  return rows;
}

// Runs in the root of the tree, as all tests do.
std::vector<std::string> documented_rows() {
  std::ifstream file("docs/metrics.md");
  EXPECT_TRUE(file);
  std::vector<std::string> rows;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("| `claviger_")) rows.push_back(line);
  return rows;
}

TEST(MetricsDocs, NameEveryMetricAsItIsAndNoOther) {
  const std::vector<std::string> expected = expected_rows();
  const std::vector<std::string> documented = documented_rows();
  for (const std::string& row : expected)
    EXPECT_EQ(std::ranges::count(documented, row), 1) << "docs/metrics.md lacks this row:\n" << row;
  for (const std::string& row : documented)
    EXPECT_EQ(std::ranges::count(expected, row), 1) << "docs/metrics.md has what is not there, or not so:\n"
                                                    << row;
}

TEST(MetricsDocs, TheWholePageIsOneExposition) { EXPECT_GT(Exposed(whole_page()).families().size(), 40U); }

}  // namespace
}  // namespace claviger::server
