// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "net/source.h"

namespace claviger::net {

// One recv or send on a source, minding its readiness. True when done (`result` says how), false when it
// would block; no system call when that is known already. 0 bytes received is the end of the stream.
bool receive(Source& source, std::span<char> into, Result<std::size_t>& result) noexcept;
bool send(Source& source, std::string_view from, Result<std::size_t>& result) noexcept;

}  // namespace claviger::net
