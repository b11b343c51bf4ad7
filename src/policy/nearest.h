// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace claviger::policy {

// The candidate that `name` was most likely meant to be, "" when none is close: for messages only.
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace claviger::policy
