// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace claviger::server {

inline constexpr std::string_view kVersion = CLAVIGER_VERSION;  // from project() in CMakeLists.txt

}  // namespace claviger::server
