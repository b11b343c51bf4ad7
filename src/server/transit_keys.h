// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "http/fetch.h"
#include "net/task.h"
#include "server/key_source.h"
#include "vault/master_key.h"

namespace claviger::server {

class MasterKeys;

// Master keys that lie in the data directory as transit wrapped them.

// Before the gateway serves: on a loop of its own, and waits. One that is down, sealed or busy is asked again, with pauses that
// double, for as long as `master_key.transit.patience` says; one that refuses is not. SIGTERM and SIGINT end the waiting.
Result<vault::MasterKey> unwrap_by_transit(MasterKeys& keys, const KeySource& source, const std::string& id);
// A new one, kept by the time it returns.
Result<vault::MasterKey> make_by_transit(MasterKeys& keys, const KeySource& source);
// The same while the gateway runs, once. Requires: `keys` and `around` outlive the task.
net::Task<Result<vault::MasterKey>> make_by_transit(MasterKeys& keys, KeySource source,
                                                    const http::FetchSurroundings& around);

}  // namespace claviger::server
