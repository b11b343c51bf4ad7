// SPDX-License-Identifier: Apache-2.0
#include "gateway/record.h"

#include <utility>

#include "audit/event.h"

namespace claviger::gateway {

namespace {

// Whoever is not known may send what he likes, and is not to say how much of the log it takes.
constexpr std::size_t kMostOfStrangers = 256;
constexpr std::size_t kMostOfMethod = 64;
// Nor is who is known, where no grant's rate says how often.
constexpr std::size_t kMostOfRefused = 1024;

// Of path and query.
std::size_t most_shown(const Call& call) noexcept {
  if (call.principal == nullptr) return kMostOfStrangers;
  return call.decision == Decision::kAllowed ? std::string_view::npos : kMostOfRefused;
}

// How the principal proved who it is.
std::string_view auth_of(const Call& call) noexcept {
  if (call.door != nullptr) return "door";
  return call.key != nullptr ? "api_key" : "certificate";
}

// How the call stands. The texts are good until the worker describes another.
telemetry::AccessRecord describe(Worker& worker, const Call& call) noexcept {
  telemetry::AccessRecord record;
  record.time = call.wall;
  record.request_id = call.id();
  record.trace_id = call.trace.id();
  if (call.trace.is_there()) record.span_id = call.span_id();
  record.address = call.address_text;
  if (call.principal != nullptr) record.principal = call.principal->name;
  if (call.principal != nullptr) record.auth = auth_of(call);
  if (call.presented_id.chars[0] != 0) record.key_id = call.presented_id;
  record.certificate = call.certificate_name;
  if (call.door != nullptr) record.door = call.door->door;
  if (call.upstream != nullptr) record.upstream = call.upstream->resource->name;
  if (call.head != nullptr) record.method = call.head->method_text.substr(0, kMostOfMethod);
  const ShownTarget::Views shown = worker.shown.of(call);
  const std::size_t most = most_shown(call);
  record.path = shown.path.substr(0, most);
  record.query = shown.query.substr(0, most);
  record.decision = decision_name(call.decision);
  record.rule = call.rule;
  record.status = call.status;
  record.code = call.outcome;
  if (call.grant != nullptr) record.grant = call.grant->name;
  if (call.credential != nullptr) {
    record.credential = call.credential->credential->name();
    record.credential_version = call.credential->version;
  }
  record.credential_opened = call.credential_opened;
  record.bytes_in = call.bytes_in;
  record.bytes_out = call.bytes_out;
  record.duration =
      std::chrono::duration_cast<std::chrono::microseconds>(worker.loop.clock().monotonic() - call.began);
  record.waited = call.waited;
  record.connect = call.connect;
  record.first_byte = call.first_byte;
  record.reused = call.reused;
  record.retries = call.retries;
  return record;
}

// A call that is let through, or that has an event of its beginning, always: room for what is under way there always is (audit::Lane).
// Refusals, as long as they are few: of who is known by a count of his own, so that nobody's hide behind another's.
bool has_event_of_its_own(Worker& worker, const Call& call) noexcept {
  if (call.principal == nullptr)
    return worker.lane->has_room(worker.loop.now()) && worker.refusals.take(worker.loop.now());
  if (call.decision == Decision::kAllowed || call.started != 0) return true;
  const std::uint64_t key = worker.shared.limit_keys.of(0, call.principal->name);
  return worker.shared.refusal_cells.take(key, kPrincipalRefusals, worker.loop.now()).allowed;
}

void write_event(Worker& worker, const Call& call, const telemetry::AccessRecord& record) noexcept {
  const std::size_t size =
      audit::write_call_event(worker.lane->room().first<audit::Lane::kMaxEvent>(), record);
  using Kind = audit::CallMark::Kind;
  worker.lane->added(size, 0, {call.started, call.started != 0 ? Kind::kFinished : Kind::kNone});
  worker.metrics.add(telemetry::Counter::kAuditEvents);
}

// Rare, and so of no great haste.
[[gnu::cold]] void write_echoes(Worker& worker, const Call& call) noexcept {
  worker.metrics.add(telemetry::Counter::kCredentialEchoesMasked, call.echoes.in_head + call.echoes.in_body);
  if (worker.lane == nullptr) return;
  audit::Event event(call.wall, "credential.echo_masked");
  event.add("request_id", call.id()).add("principal", call.principal->name);
  event.add("upstream", call.upstream->resource->name);
  event.add("credential", call.credential->credential->name());
  if (call.echoes.in_head > 0) event.add("in_head", call.echoes.in_head);
  if (call.echoes.in_body > 0) event.add("in_body", call.echoes.in_body);
  worker.lane->append(std::move(event).text());
  worker.metrics.add(telemetry::Counter::kAuditEvents);
}

void count_refusal(Worker& worker, const telemetry::AccessRecord& record) noexcept {
  const Monotonic now = worker.loop.now();
  if (record.principal.empty()) worker.refusals.count(record.code, record.address, now, record.time);
  else worker.principal_refusals.count(record.code, record.principal, now, record.time);
  worker.metrics.add(telemetry::Counter::kAuditRefusalsCounted);
}

}  // namespace

void record_start(Worker& worker, Call& call) noexcept {
  audit::Lane& lane = *worker.lane;
  const std::size_t size =
      audit::write_call_started(lane.room().first<audit::Lane::kMaxEvent>(), describe(worker, call));
  call.started = lane.appended() + 1;
  lane.added(size, 0, {call.started, audit::CallMark::Kind::kStarted});
  worker.metrics.add(telemetry::Counter::kAuditEvents);
}

void record_call(Worker& worker, const Call& call) noexcept {
  if (call.echoes.in_head + call.echoes.in_body > 0) write_echoes(worker, call);
  const telemetry::AccessRecord record = describe(worker, call);
  if (worker.lane != nullptr) {
    if (has_event_of_its_own(worker, call)) write_event(worker, call, record);
    else count_refusal(worker, record);
  }
  worker.metrics.add_request(record.duration);
  worker.access_log.append(record);
}

void record_line(Worker& worker, const Call& call) noexcept {
  const telemetry::AccessRecord record = describe(worker, call);
  worker.metrics.add_request(record.duration);
  worker.access_log.append(record);
}

}  // namespace claviger::gateway
