// SPDX-License-Identifier: Apache-2.0
#include "gateway/record.h"

#include "audit/event.h"

namespace claviger::gateway {

namespace {

// Whoever is not known may send what he likes, and is not to say how much of the log it takes.
constexpr std::size_t kMostOfStrangers = 256;
constexpr std::size_t kMostOfMethod = 64;

// How the call stands. The texts are good until the worker describes another.
telemetry::AccessRecord describe(Worker& worker, const Call& call) noexcept {
  telemetry::AccessRecord record;
  record.time = call.wall;
  record.request_id = call.id();
  record.trace_id = call.trace.id();
  if (call.trace.is_there()) record.span_id = call.span_id();
  record.address = call.address_text;
  if (call.principal != nullptr) record.principal = call.principal->name;
  if (call.principal != nullptr) record.auth = call.key != nullptr ? "api_key" : "certificate";
  if (call.presented_id.chars[0] != 0) record.key_id = call.presented_id;
  record.certificate = call.certificate_name;
  if (call.upstream != nullptr) record.upstream = call.upstream->resource->name;
  if (call.head != nullptr) record.method = call.head->method_text.substr(0, kMostOfMethod);
  const ShownTarget::Views shown = worker.shown.of(call);
  const std::size_t most = call.principal != nullptr ? std::string_view::npos : kMostOfStrangers;
  record.path = shown.path.substr(0, most);
  record.query = shown.query.substr(0, most);
  record.decision = decision_name(call.decision);
  record.rule = call.rule;
  record.status = call.status;
  record.code = call.outcome;
  if (call.grant != nullptr) record.grant = call.grant->name;
  if (call.credential != nullptr) record.credential = call.credential->name();
  record.credential_version = call.credential_version;
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

// Of who is known, always: room for what is under way there always is (audit::Lane). Of others, as long as they are few.
bool has_event_of_its_own(Worker& worker, const Call& call) noexcept {
  return call.principal != nullptr || (worker.lane->has_room() && worker.refusals.take(worker.loop.now()));
}

void write_event(Worker& worker, const Call& call, const telemetry::AccessRecord& record) noexcept {
  const std::size_t size =
      audit::write_call_event(worker.lane->room().first<audit::Lane::kMaxEvent>(), record);
  using Kind = audit::CallMark::Kind;
  worker.lane->added(size, 0, {call.started, call.started != 0 ? Kind::kFinished : Kind::kNone});
  worker.metrics.add(telemetry::Counter::kAuditEvents);
}

void count_refusal(Worker& worker, const telemetry::AccessRecord& record) noexcept {
  worker.refusals.count(record.code, record.address, worker.loop.now(), record.time);
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
