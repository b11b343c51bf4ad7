// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/document.h"

namespace claviger::cli {

// The answer of /api/v1/status for people: a line for each thing, and one for each notice.
std::string status_text(std::string_view address, const base::Document& status);

}  // namespace claviger::cli
