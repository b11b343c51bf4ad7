// SPDX-License-Identifier: Apache-2.0
#include "telemetry/testing/exposed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <regex>
#include <sstream>

namespace claviger::telemetry::testing {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Of what stands between the braces, which is well formed.
Labels split(const std::string& text) {
  static const std::regex kLabel(R"re(([a-z_]+)="((?:[^"\\]|\\[\\"n])*)",?)re");
  Labels labels;
  for (std::sregex_iterator at(text.begin(), text.end(), kLabel), end; at != end; ++at)
    labels.emplace_back((*at)[1], (*at)[2]);
  return labels;
}

std::string in_order(const std::string& name, Labels labels) {
  std::ranges::sort(labels);
  std::string text = name;
  for (const auto& [label, value] : labels) text += ';' + label + '=' + value;
  return text;
}

}  // namespace

Exposed::Exposed(const std::string& text) {
  EXPECT_TRUE(text.ends_with('\n'));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) read(line);
  for (const auto& [series, buckets] : buckets_) EXPECT_TRUE(buckets.ended) << series << " has no +Inf";
}

std::string Exposed::value(const std::string& series) const {
  const auto found = samples_.find(series);
  return found == samples_.end() ? "none" : found->second;
}

std::string Exposed::type(const std::string& family) const {
  const auto found = std::ranges::find(families_, family, &Family::name);
  return found == families_.end() ? "none" : found->type;
}

void Exposed::read(const std::string& line) {
  static const std::regex kHelp(R"(# HELP ([a-z_][a-z0-9_]*) ([^\\]+\.))");
  static const std::regex kType(R"(# TYPE ([a-z_][a-z0-9_]*) (counter|gauge|histogram))");
  static const std::regex kSample(
      R"re(([a-z_][a-z0-9_]*)(?:\{([a-z_]+="(?:[^"\\]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\]|\\[\\"n])*")*)\})? (-?[0-9]+(?:\.[0-9]+)?(?:e[-+][0-9]+)?))re");
  std::smatch match;
  if (std::regex_match(line, match, kHelp)) return read_help(match[1], match[2]);
  if (std::regex_match(line, match, kType)) return read_type(match[1], match[2]);
  if (std::regex_match(line, match, kSample)) {
    const auto [it, is_new] =
        samples_.emplace(line.substr(0, static_cast<std::size_t>(match.position(3)) - 1), match[3]);
    EXPECT_TRUE(is_new) << "twice: " << line;
    return read_sample(match[1], match[2], match[3]);
  }
  ADD_FAILURE() << "not an exposition line: " << line;
}

void Exposed::read_help(const std::string& name, const std::string& help) {
  EXPECT_TRUE(name.starts_with("claviger_")) << name;
  EXPECT_EQ(std::ranges::count(families_, name, &Family::name), 0) << name << " is announced twice";
  EXPECT_TRUE(families_.empty() || !families_.back().type.empty()) << families_.back().name << " has no type";
  families_.push_back({.name = name, .type = {}, .help = help, .labels = {}, .label_order = {}});
}

void Exposed::read_type(const std::string& name, const std::string& type) {
  ASSERT_FALSE(families_.empty());
  EXPECT_EQ(name, families_.back().name);
  EXPECT_EQ(families_.back().type, "") << name << " has two types";
  EXPECT_EQ(name.ends_with("_total"), type == "counter") << name;
  for (const char* const suffix : {"_bucket", "_sum", "_count"}) EXPECT_FALSE(name.ends_with(suffix)) << name;
  families_.back().type = type;
}

void Exposed::read_sample(const std::string& name, const std::string& label_text, const std::string& value) {
  ASSERT_FALSE(families_.empty());
  const Family& family = families_.back();
  const Labels labels = split(label_text);
  EXPECT_EQ(seen_[in_order(name, labels)]++, 0) << "twice: " << name << '{' << label_text << '}';
  note_labels(labels);
  const double number = std::stod(value);
  if (family.type == "histogram") return check_histogram(name, labels, number);
  EXPECT_EQ(name, family.name);
  EXPECT_NE(family.type, "");
  if (family.type == "counter") EXPECT_GE(number, 0) << name;
}

void Exposed::note_labels(const Labels& labels) {
  Family& family = families_.back();
  std::vector<std::string> names;
  for (const auto& [label, value] : labels) {
    EXPECT_EQ(std::ranges::count(names, label), 0) << family.name << " has label " << label << " twice";
    if (label == "le") continue;
    names.push_back(label);
    auto& values = family.labels[label];
    if (std::ranges::find(values, value) == values.end()) values.push_back(value);
  }
  if (family.label_order.empty()) family.label_order = names;
  EXPECT_EQ(family.label_order, names) << family.name;
}

void Exposed::check_histogram(const std::string& name, const Labels& labels, double value) {
  const std::string& family = families_.back().name;
  if (name == family + "_bucket") return read_bucket(labels, value);
  const auto found = buckets_.find(in_order(family, labels));
  ASSERT_NE(found, buckets_.end()) << name << " without buckets";
  EXPECT_TRUE(found->second.ended) << name << " before the last bucket";
  if (name == family + "_count") EXPECT_EQ(value, found->second.last_count) << name;
  else EXPECT_EQ(name, family + "_sum");
}

void Exposed::read_bucket(Labels labels, double count) {
  const auto le = std::ranges::find(labels, "le", &Labels::value_type::first);
  ASSERT_NE(le, labels.end());
  const bool last = le->second == "+Inf";
  const double limit = last ? std::numeric_limits<double>::infinity() : std::stod(le->second);
  labels.erase(le);
  Buckets& buckets = buckets_[in_order(families_.back().name, labels)];
  EXPECT_FALSE(buckets.ended);
  EXPECT_GT(limit, buckets.last_le);
  EXPECT_GE(count, buckets.last_count);
  buckets = {.last_le = limit, .last_count = count, .ended = last};
}

}  // namespace claviger::telemetry::testing
