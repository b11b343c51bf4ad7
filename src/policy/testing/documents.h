// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/document.h"

namespace claviger::policy::testing {

using Entries = std::vector<std::pair<std::string, base::Document>>;

// Documents as a YAML reader would make them, for tests below the module that reads YAML.
base::Document text(std::string scalar);
base::Document list(std::vector<std::string> scalars);
// In test.yaml, one line for each entry, the first on `line`.
base::Document map(Entries entries, std::uint32_t line = 1);

}  // namespace claviger::policy::testing
