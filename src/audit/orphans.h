// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "audit/disk.h"
#include "audit/log_place.h"
#include "base/clock.h"
#include "base/result.h"

namespace claviger::audit {

// Calls of which the log says that they began, and not what came of them, though nobody is left who could say it: the gateway
// was killed meanwhile. Strict mode writes of each call that it begins; so at the next start, whatever its mode, each of
// these gets its end: a "call.finished" with the code "outcome_unknown", and the number of the event that it belongs to.

// Where the orphans began, from `from` to the end of the log; `found` gets them in pieces of at most `most`, in the order of the log
// within each, and has put their ends into the log when it returns. Memory: for as many calls as were open at once, and no more
// than `most`: where there were more, the log is read several times.
Result<void> find_orphans(Disk& disk, const LogPlace& from, std::size_t most,
                          const std::function<Result<void>(const std::vector<LogPlace>&)>& found);

// The end of the call that begins at `place`. kInvalid when no call does.
Result<std::string> end_of_orphan(Disk& disk, const LogPlace& place, WallTime now);

}  // namespace claviger::audit
