// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace claviger::cli {

// The command line: finds the command, runs it, says what went wrong on stderr.
// Returns the exit code: 0 done, 1 refused or failed, 2 wrong usage.
int run(int argc, char** argv);

}  // namespace claviger::cli
