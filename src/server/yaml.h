// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/result.h"

namespace claviger::server {

// What one file may hold; more is refused.
inline constexpr std::size_t kMaxYamlSize = std::size_t{4} << 20;
inline constexpr std::size_t kMaxYamlNodes = 200'000;
inline constexpr std::size_t kMaxYamlDepth = 32;

// Reads a YAML file, one or more documents separated by `---`, strictly: duplicate keys, keys that are no
// scalars, anchors, aliases and tags are refused, so that what one reads is all there is. Empty documents
// come out as kNull.
//
// kInvalid, "<file>:<line>: <what>". Threads: any.
Result<std::vector<base::Document>> read_yaml(std::string_view text, std::string file);

}  // namespace claviger::server
