// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/document.h"
#include "base/result.h"

namespace claviger::server {

// The name of a file that can be read, so that what is missing is found with its line, before anything starts. `what` is what
// the file says of it ("gateway.tls.cert"). kInvalid, "<file>:<line>: <what>: ...".
Result<std::string> read_file_name(const base::Document& node, std::string_view what);

}  // namespace claviger::server
