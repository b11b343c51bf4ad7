// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "audit/log.h"
#include "audit/signer.h"
#include "base/result.h"
#include "server/config.h"

namespace claviger::server {

// Where the log lies.
std::string audit_directory(const Config& config);
std::string audit_directory(const std::string& data_dir);

// `next`: the key that `signer`'s is being rotated to, or null.
Result<std::unique_ptr<audit::Log>> open_audit_log(const Config& config, audit::Signer& signer,
                                                   audit::Signer* next, const Clock& clock);

}  // namespace claviger::server
