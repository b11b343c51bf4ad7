// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace claviger::cli {

// Text from elsewhere, fit for a terminal: control characters (C0, DEL, C1), those that turn the direction of writing,
// and bytes that are no UTF-8 become visible escapes, such as \x1b or \u202e. One line: a line end is escaped, too.
std::string printable(std::string_view text);

// The same for lines of JSON: only what JSON lets stand unescaped inside of strings is touched, and escaped in JSON's own
// way, so that it stays the same document. Line ends stay.
std::string printable_json(std::string_view lines);

}  // namespace claviger::cli
