// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "policy/resources.h"

namespace claviger::cli {

// What KIND on the command line means: "grant", "grants"; "api_key" also as "api-key" and "key". A usage error names
// what there is.
Result<policy::Kind> parse_kind_argument(std::string_view text);

// "/api/v1/grants", and "/api/v1/grants/<name>".
std::string kind_target(policy::Kind kind);
// A usage error when `name` cannot be a resource's (grants made up by the gateway have a ':' in theirs).
Result<std::string> resource_target(policy::Kind kind, std::string_view name);

}  // namespace claviger::cli
