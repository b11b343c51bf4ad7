// SPDX-License-Identifier: Apache-2.0
#include "server/audit_trail.h"

#include <array>
#include <utility>

#include "base/parse.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/data_dir.h"

namespace claviger::server {
namespace {

// Of a log that is new: tells the logs of two gateways apart, and those that one key begins, one after the other or in two
// places. Its key.pub keeps it.
std::string new_origin(const crypto::Ed25519PublicKey& key) {
  const crypto::Sha256Digest digest = crypto::Sha256().digest(key);
  std::array<std::byte, 6> own;
  crypto::random_bytes(own);
  return "claviger/" + base::format_hex(std::span(digest).first(6)) + "-" + base::format_hex(own);
}

}  // namespace

std::string audit_directory(const std::string& data_dir) { return data_dir + "/audit"; }
std::string audit_directory(const Config& config) { return audit_directory(config.data_dir); }

Result<std::unique_ptr<audit::Log>> open_audit_log(const Config& config, audit::Signer& signer,
                                                   audit::Signer* next, const Clock& clock) {
  CLV_TRY_VOID(make_directory(config.data_dir));
  audit::LogOptions options;
  options.directory = audit_directory(config);
  options.origin = new_origin(signer.public_key());
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
