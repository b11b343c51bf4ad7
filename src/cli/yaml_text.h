// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/document.h"

namespace claviger::cli {

// Appends a map as a YAML document that server::read_yaml() reads back as the same one, places apart: strings that
// something else could be made of are quoted, and control characters are escaped.
// Requires: node.type == kMap, of at most base::parse_json's depth.
void append_yaml(std::string& out, const base::Document& node);

}  // namespace claviger::cli
