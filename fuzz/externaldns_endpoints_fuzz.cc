// SPDX-License-Identifier: Apache-2.0
// Whatever is read as endpoints or changes is written so that it reads the same again; names and targets, once canonical, stay so.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "doors/externaldns/change_set.h"
#include "doors/externaldns/endpoint.h"
#include "doors/externaldns/names.h"
#include "doors/externaldns/record_type.h"
#include "doors/externaldns/set_plan.h"
#include "fuzz_check.h"

namespace {

using namespace claviger::doors::externaldns;  // NOLINT(google-build-using-namespace): all of it is looked at
using claviger::fuzz::expect;

void check_target(RecordType type, std::string_view text) {
  const auto target = canonical_target(type, text);
  if (!target.has_value()) return;
  const auto again = canonical_target(type, *target);
  expect(again.has_value() && *again == *target, "a canonical target stays as it is");
  std::string form;
  expect(append_record_form(form, type, *target).has_value(), "a canonical target can be sent");
  for (const char c : form) expect(c > ' ' && c <= '~', "a form is plain ASCII");
}

void check(const Endpoint& endpoint) {
  if (const auto name = canonical_name(endpoint.dns_name)) {
    const auto again = canonical_name(*name);
    expect(again.has_value() && *again == *name, "a canonical name stays as it is");
  }
  const std::vector<std::string> zones = {"example.com"};
  if (const auto stored = stored_registry_name(endpoint.dns_name, zones)) {
    const auto again = canonical_name(*stored);
    expect(again.has_value() && *again == *stored, "the server takes what is kept");
  }
  for (const std::string& target : endpoint.targets) {
    for (std::size_t type = 0; type < kRecordTypes; ++type)
      check_target(static_cast<RecordType>(type), target);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto endpoints = parse_endpoints(input)) {
    std::string written;
    write_endpoints(written, *endpoints);
    const auto again = parse_endpoints(written);
    expect(again.has_value() && *again == *endpoints, "what was written reads the same");
    for (const Endpoint& endpoint : *endpoints) {
      const std::size_t most = std::max(endpoint.labels.size(), endpoint.provider_specific.size());
      expect(most <= kMostLabels && endpoint.targets.size() <= kMostHeldTargets,
             "an endpoint has its limits");
      check(endpoint);
    }
  }
  if (auto changes = parse_changes(input)) {
    for (const auto* const list :
         {&changes->create, &changes->update_old, &changes->update_new, &changes->remove}) {
      for (const Endpoint& endpoint : *list) {
        expect(endpoint.provider_specific.empty() && endpoint.targets.size() <= kMostTargets + 1,
               "no more is held of a change than it goes by");
        for (const auto& [name, value] : endpoint.labels)
          expect(name == kOwnedRecordLabel, "nor any label that it does not");
      }
    }
    const std::vector<std::string> zones = {"a.example.com", "example.com"};
    for (const Unit& unit : make_units(*std::move(changes), zones, NameFilter({}))) {
      expect(!unit.changes.empty(), "a unit has something to do");
      for (const SetChange& change : unit.changes) {
        if (!change.refusal.empty()) continue;
        expect(is_within(change.name, change.zone), "what is to be done is within a zone");
        plan_set(change, {}, {});
      }
    }
  }
  return 0;
}
