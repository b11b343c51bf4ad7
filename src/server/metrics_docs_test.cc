// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "gateway/upstream_book.h"
#include "sinks/sinks.h"
#include "telemetry/expose.h"
#include "telemetry/testing/exposed.h"

namespace claviger::server {
namespace {

using telemetry::testing::Exposed;

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
         sinks::expose({sinks::SinkState{.name = "any"}});
}

std::string quoted(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "`" : ", `") + word + '`';
  return text;
}

// Names that others choose, and what depends on the machine, stand in no table.
bool has_fixed_values(const std::string& family, const std::string& label) {
  static const std::set<std::string> kChosen{"worker", "upstream", "endpoint", "sink"};
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
