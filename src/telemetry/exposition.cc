// SPDX-License-Identifier: Apache-2.0
#include "telemetry/exposition.h"

#include <cstdint>

namespace claviger::telemetry {

std::string label(std::string_view name, std::string_view value) {
  std::string text = std::string(name) + "=\"";
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text + '"';
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  append({"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"});
}

// A bucket counts what lies below it, too; read one after the other, none is ever less than the one before.
void Exposition::histogram(std::string_view name, std::string_view labels, const Histogram& histogram) {
  const std::string bucket = std::string(name) + "_bucket";
  const std::string prefix = std::string(labels) + ",le=\"";
  std::uint64_t count = 0;
  for (std::size_t step = 0; step <= Histogram::kSteps.size(); ++step) {
    count += histogram.count(step);
    const bool last = step == Histogram::kSteps.size();
    sample(bucket, prefix + std::string(last ? "+Inf" : Histogram::kSteps[step].le) + '"', count);
  }
  sample(std::string(name) + "_sum", labels, std::chrono::duration<double>(histogram.sum()).count());
  sample(std::string(name) + "_count", labels, count);
}

void Exposition::line(std::string_view name, std::string_view labels, std::string_view value) {
  append({name, labels.empty() ? "" : "{", labels, labels.empty() ? " " : "} ", value, "\n"});
}

void Exposition::append(std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) text_.append(part);
}

}  // namespace claviger::telemetry
