// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace claviger::telemetry::testing {

// A metrics exposition, read as strictly as the format (Prometheus text, version 0.0.4) and its customs allow: every
// family announced once by HELP and TYPE, its samples right behind; no series twice, in whatever order its labels
// stand; counters, and nothing else, named so, and never negative; histograms whole. Fails the test on anything else.
class Exposed {
 public:
  struct Family {
    std::string name;
    std::string type;
    std::string help;
    std::map<std::string, std::vector<std::string>> labels;  // names, and the values seen, each once
    std::vector<std::string> label_order;
  };

  explicit Exposed(const std::string& text);

  // By all that stands before the value; "none" when there is no such series.
  std::string value(const std::string& series) const;
  std::string type(const std::string& family) const;
  std::size_t size() const { return samples_.size(); }
  const std::vector<Family>& families() const { return families_; }

 private:
  using Labels = std::vector<std::pair<std::string, std::string>>;
  struct Buckets {
    double last_le = 0;
    double last_count = 0;
    bool ended = false;  // by +Inf
  };
  void read(const std::string& line);
  void read_help(const std::string& name, const std::string& help);
  void read_type(const std::string& name, const std::string& type);
  void read_sample(const std::string& name, const std::string& labels, const std::string& value);
  void read_bucket(Labels labels, double count);
  void check_histogram(const std::string& name, const Labels& labels, double value);
  void note_labels(const Labels& labels);

  std::vector<Family> families_;
  std::map<std::string, std::string> samples_;  // as they stand
  std::map<std::string, int> seen_;  // with labels in order
  std::map<std::string, Buckets> buckets_;  // by the series without le
};

}  // namespace claviger::telemetry::testing
