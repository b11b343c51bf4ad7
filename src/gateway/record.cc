// SPDX-License-Identifier: Apache-2.0
#include "gateway/record.h"

namespace claviger::gateway {

void record_call(Worker& worker, const Call& call) noexcept {
  telemetry::AccessRecord record;
  record.time = call.wall;
  record.request_id = call.id();
  record.address = call.address_text;
  if (call.principal != nullptr) record.principal = call.principal->name;
  if (call.presented_id.chars[0] != 0) record.key_id = call.presented_id;
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
  worker.access_log.append(record);
}

}  // namespace claviger::gateway
