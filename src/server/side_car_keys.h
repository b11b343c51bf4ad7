// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "audit/log.h"
#include "audit/signer.h"
#include "base/result.h"
#include "server/process.h"
#include "telemetry/log.h"

namespace claviger::server {

// What signs the audit log of a gateway without a store: the key in DATA_DIR/audit.key, made when it is not there; and while it is
// rotated the one in DATA_DIR/audit.key.next, which takes its place once the log signs with it. Both 0600, in the form of a
// master key; the signing seed is derived from it (HKDF-SHA-256).
//
// Threads: the control thread's; the signers any. Secrets: the keys, in the arena.
class SideCarKeys {
 public:
  static Result<std::unique_ptr<SideCarKeys>> open(const std::string& data_dir, SecretMemory& memory);

  audit::Signer& signer() noexcept { return *signer_; }
  audit::Signer* next() noexcept { return next_.get(); }  // null: no rotation is under way

  // The key that signed before, as verifiers of `log` know it.
  std::string old_key(const audit::Log& log) const { return log.verifier_key_of(signer_->public_key()); }

  // To be called now and then. True once: the log has been handed over, and audit.key is the new key.
  bool settle(const audit::Log& log, telemetry::Log& operator_log);

 private:
  SideCarKeys(std::string data_dir, std::unique_ptr<audit::Signer> signer,
              std::unique_ptr<audit::Signer> next);
  std::string data_dir_;
  std::unique_ptr<audit::Signer> signer_;
  std::unique_ptr<audit::Signer> next_;
  bool is_settled_;
  bool is_failing_ = false;
};

// The keys that a rotation leads from and to, as verifiers know them.
struct SideCarRotation {
  std::string from;
  std::string to;
  std::string file;  // that was made
};
// Makes audit.key.next, which the next start takes over. Requires: the data directory's lock. kNotFound when there is no log yet,
// kConflict when one was made before, kInvalid when the directory is that of a gateway with a store.
Result<SideCarRotation> prepare_side_car_rotation(const std::string& data_dir, SecretMemory& memory);

}  // namespace claviger::server
