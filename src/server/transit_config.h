// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/document.h"
#include "base/result.h"
#include "sources/transit.h"

namespace claviger::server {

// `master_key.transit`: a map, read strictly (docs/configuration.md). What unwraps the master key crosses no network in the clear: plain
// http is for addresses of loopback, written as such. kInvalid, "<file>:<line>: <what>".
Result<sources::TransitOptions> read_transit(const base::Document& node);

}  // namespace claviger::server
