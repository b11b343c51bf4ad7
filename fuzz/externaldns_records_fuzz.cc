// SPDX-License-Identifier: Apache-2.0
// A server's answer reads the same however it is cut, and what is shown of it is canonical: it could be sent back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"
#include "doors/externaldns/names.h"
#include "doors/externaldns/record_sink.h"
#include "doors/externaldns/record_type.h"
#include "doors/externaldns/zone_sink.h"
#include "fuzz_check.h"

namespace {

using namespace claviger::doors::externaldns;  // NOLINT(google-build-using-namespace): all of it is looked at
using claviger::fuzz::expect;

bool read(std::string_view input, std::size_t piece, claviger::base::JsonSink& sink) {
  claviger::base::JsonReader reader(sink);
  for (std::size_t at = 0; at < input.size(); at += piece) {
    if (!reader.write(input.substr(at, piece)).has_value()) return false;
  }
  return reader.finish().has_value();
}

void check_zones(std::string_view input) {
  std::vector<ServerZone> whole;
  std::vector<ServerZone> cut;
  ZoneSink from_whole(whole);
  ZoneSink from_cut(cut);
  const bool is_read = read(input, std::max<std::size_t>(input.size(), 1), from_whole);
  expect(read(input, 3, from_cut) == is_read, "zones are read the same however they are cut");
  if (!is_read) return;
  expect(whole.size() == cut.size() && from_whole.listed() == from_cut.listed(), "and all of them");
  for (const ServerZone& zone : whole) {
    const auto again = canonical_name(zone.name);
    expect(again.has_value() && *again == zone.name, "a zone's name is canonical");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_zones(input);
  RecordTable whole;
  RecordTable cut;
  RecordSink from_whole("example.com", whole);
  RecordSink from_cut("example.com", cut);
  const bool is_read = read(input, std::max<std::size_t>(size, 1), from_whole);
  expect(read(input, 3, from_cut) == is_read, "what is read does not depend on how it is cut");
  if (!is_read) return 0;
  expect(whole.size() == cut.size() && from_whole.unreadable() == from_cut.unreadable(), "nor what is in it");
  whole.sort();
  cut.sort();
  for (std::size_t row = 0; row < whole.size(); ++row) {
    const LiveRecord record = whole.at(row);
    expect(record.target == cut.at(row).target && record.options == cut.at(row).options,
           "nor how it is kept");
    expect(is_within(record.name, "example.com"), "it is of the zone");
    expect(!record.is_opaque && !record.target.empty(), "what is in a row can be shown");
    const auto of_set = whole.find(record.name, record.type);
    const auto is_opaque = [](const LiveRecord& one) { return one.is_opaque; };
    expect(std::ranges::is_partitioned(of_set, std::not_fn(is_opaque)), "what cannot be shown is last");
    expect(std::ranges::all_of(of_set,
                               [&](const LiveRecord& one) { return !is_opaque(one) || one.target.empty(); }),
           "and says nothing");
    expect(of_set.size() == cut.find(record.name, record.type).size(), "nor what else is there");
    expect(record.identity.size() + record.options.size() <= 4 * RecordSink::kMostText, "it has its limits");
    const auto again = canonical_target(record.type, record.target);
    const bool is_empty_text = record.type == RecordType::kTxt && record.target == "\"\"";
    const bool is_not_ascii = record.type == RecordType::kTxt && !again.has_value();
    expect(is_empty_text || is_not_ascii || (again.has_value() && *again == record.target),
           "what is shown is canonical");
  }
  return 0;
}
