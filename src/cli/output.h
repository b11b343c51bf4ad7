// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/result.h"

namespace claviger::cli {

// Everything that a command says on standard output. kIo when it cannot be written (a full disk, a closed pipe): what
// was asked for did not arrive then, and the exit code must say so.
Result<void> print(std::string_view text);

// The same for parts of which some lie in the arena: by write(2), straight from there; stdio would keep a copy.
Result<void> print_secret(std::initializer_list<std::string_view> parts);

// A remark, on standard error, so that it does not mix with what scripts read: "claviger: <text>".
void remark(std::string_view text);

}  // namespace claviger::cli
