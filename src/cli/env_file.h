// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace claviger::cli {

// A line of a .env file.
struct EnvEntry {
  std::string name;
  base::SecretBytes value;
  unsigned line = 0;
};

enum class EnvNames : std::uint8_t {
  kVariables,  // OPENAI_API_KEY
  kResources,  // openai-main
};

// Reads NAME=value lines, strictly, since programs that read such files do not agree on much: a leading `export` is passed over, `#`
// begins a comment at the beginning of a line or behind a space. A value stands as it is, in 'single quotes' (nothing in them means
// anything) or in "double quotes" (\n \r \t \" \\ \$ are escapes), which may hold line ends. What some would expand or unescape and some
// would not ($, `, \ and quotes without quotes around them) is refused, and so is a name that stands twice.
// kInvalid names `file` and line, and never quotes a value.
//
// Secrets: `text` should lie in the arena; values go from there to there.
Result<std::vector<EnvEntry>> read_env_text(std::string_view text, std::string_view file, EnvNames names,
                                            base::SecretArena& arena);

}  // namespace claviger::cli
