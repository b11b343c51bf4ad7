// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "audit/disk.h"
#include "audit/log.h"

namespace claviger::audit {

// Log::open() on a disk that the caller brings; options.directory is not looked at.
Result<std::unique_ptr<Log>> open_log_on(std::unique_ptr<Disk> disk, const LogOptions& options,
                                         Signer& signer, const Clock& clock, Signer* next = nullptr);

}  // namespace claviger::audit
