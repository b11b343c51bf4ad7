// SPDX-License-Identifier: Apache-2.0
#include "server/audit_trail.h"

#include <utility>

#include "base/parse.h"
#include "crypto/hash.h"
#include "server/data_dir.h"

namespace claviger::server {
namespace {

// Tells the logs of two gateways apart; of the first key, so it needs no place of its own.
std::string origin_of(const crypto::Ed25519PublicKey& key) {
  const crypto::Sha256Digest digest = crypto::Sha256().digest(key);
  return "claviger/" + base::format_hex(std::span(digest).first(6));
}

}  // namespace

std::string audit_directory(const std::string& data_dir) { return data_dir + "/audit"; }
std::string audit_directory(const Config& config) { return audit_directory(config.data_dir); }

Result<std::unique_ptr<audit::Log>> open_audit_log(const Config& config, audit::Signer& signer,
                                                   audit::Signer* next, const Clock& clock) {
  CLV_TRY_VOID(make_directory(config.data_dir));
  audit::LogOptions options;
  options.directory = audit_directory(config);
  options.origin = origin_of(signer.public_key());
  options.durability = config.audit.durability;
  options.window = config.audit.window;
  options.lane_bytes = config.audit.lane_bytes;
  options.checkpoint_events = config.audit.checkpoint_events;
  options.checkpoint_interval = config.audit.checkpoint_interval;
  options.segment_bytes = config.audit.segment_bytes;
  options.segment_age = config.audit.segment_age;
  options.retain_age = config.audit.retention;
  options.retain_bytes = config.audit.retention_bytes;
  options.reserve_bytes = config.audit.reserve_bytes;
  return audit::Log::open(std::move(options), signer, clock, next);
}

}  // namespace claviger::server
