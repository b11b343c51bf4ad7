// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace claviger::server {

// Whether this process overwrites what it deletes: always, but under a sanitizer. To ask is what links it in.
bool deletes_wipe() noexcept;

}  // namespace claviger::server
