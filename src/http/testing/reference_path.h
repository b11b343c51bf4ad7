// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace claviger::http::testing {

// check_canonical_path once more, from the other end: decodes the whole path, looks at what a server would
// see, and encodes it again to learn whether it had been canonical. Slow; shares no code with http/path.cc.
bool reference_is_canonical_path(const std::string& path);

}  // namespace claviger::http::testing
