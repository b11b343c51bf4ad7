// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "sources/desk.h"
#include "telemetry/exposition.h"

namespace claviger::sources {
namespace {

using vault::SourceKind;

constexpr std::array<SourceKind, 4> kKinds = {SourceKind::kEnvironment, SourceKind::kFile, SourceKind::kVault,
                                              SourceKind::kAwsSecret};

enum class How : std::uint8_t { kGood, kKept, kGone };
constexpr std::array<std::string_view, 3> kHowNames = {"good", "kept", "gone"};

How how_of(const ValueState& state) noexcept {
  if (!state.has_value) return How::kGone;
  return state.fault.empty() ? How::kGood : How::kKept;
}

}  // namespace

std::string expose(const std::vector<ValueState>& states, const SourceCounts& counts) {
  telemetry::Exposition out;
  out.family("claviger_source_values", "gauge",
             "Secrets that lie elsewhere: good, kept while their source fails, or gone, by kind of source.");
  for (const SourceKind kind : kKinds) {
    std::array<std::uint64_t, kHowNames.size()> found{};
    for (const ValueState& state : states)
      if (state.kind == kind) ++found[static_cast<std::size_t>(how_of(state))];
    for (std::size_t i = 0; i < found.size(); ++i)
      out.sample(
          "claviger_source_values",
          telemetry::label("source", source_name(kind)) + "," + telemetry::label("state", kHowNames[i]),
          found[i]);
  }
  const auto count = [&](std::string_view name, std::string_view help, std::uint64_t SourceCount::* of) {
    out.family(name, "counter", help);
    for (const SourceKind kind : kKinds)
      out.sample(name, telemetry::label("source", source_name(kind)),
                 counts[static_cast<std::size_t>(kind)].*of);
  };
  count("claviger_source_reads_total", "Attempts to read secrets that lie elsewhere.", &SourceCount::reads);
  count("claviger_source_failures_total", "Of these, those that failed.", &SourceCount::failures);
  return out.take();
}

}  // namespace claviger::sources
