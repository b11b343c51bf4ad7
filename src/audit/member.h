// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace claviger::audit {

// The value of a member of the object that a line of the log is, as it stands there: "\"ok\"", "17", "{...}". Looks at the
// object's own members only, whatever their values hold. Empty when there is none, or the line is no such object.
// `name`: of [a-z_], as all names in the log.
std::string_view find_member(std::string_view line, std::string_view name) noexcept;

}  // namespace claviger::audit
