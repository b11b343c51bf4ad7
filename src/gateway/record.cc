// SPDX-License-Identifier: Apache-2.0
#include "gateway/record.h"

#include "audit/event.h"

namespace claviger::gateway {

namespace {

telemetry::AccessRecord describe(const Worker& worker, const Call& call) noexcept {
  telemetry::AccessRecord record;
  record.time = call.wall;
  record.request_id = call.id();
  record.address = call.address_text;
  if (call.principal != nullptr) record.principal = call.principal->name;
  if (call.principal != nullptr) record.auth = call.key != nullptr ? "api_key" : "certificate";
  if (call.presented_id.chars[0] != 0) record.key_id = call.presented_id;
  record.certificate = call.certificate_name;
  if (call.upstream != nullptr) record.upstream = call.upstream->resource->name;
  if (call.head != nullptr) record.method = call.head->method_text;
  if (call.head != nullptr && call.path_is_canonical) record.path = call.head->path;
  record.status = call.status;
  record.code = call.outcome;
  if (call.grant != nullptr) record.grant = call.grant->name;
  if (call.credential != nullptr) record.credential = call.credential->name();
  record.bytes_in = call.bytes_in;
  record.bytes_out = call.bytes_out;
  record.duration =
      std::chrono::duration_cast<std::chrono::microseconds>(worker.loop.clock().monotonic() - call.began);
  record.reused = call.reused;
  record.retries = call.retries;
  return record;
}

}  // namespace

void record_call(Worker& worker, const Call& call) noexcept {
  const telemetry::AccessRecord record = describe(worker, call);
  if (worker.lane != nullptr) {
    // Room for what is under way there always is (audit::Lane).
    worker.lane->added(audit::write_call_event(worker.lane->room().first<audit::Lane::kMaxEvent>(), record));
    worker.metrics.add(telemetry::Counter::kAuditEvents);
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
