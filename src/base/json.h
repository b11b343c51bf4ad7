// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/document.h"
#include "base/result.h"

namespace claviger::base {

inline constexpr std::size_t kMaxJsonSize = std::size_t{16} << 20;
inline constexpr std::size_t kMaxJsonDepth = 32;
inline constexpr std::size_t kMaxJsonNodes = 100'000;

// JSON (RFC 8259) into a Document: strictly UTF-8, no duplicate names, at most 32 levels deep and `max_nodes`
// nodes (every value is one, scalars included). Strings become quoted scalars; numbers, true and false plain
// ones, as written; null kNull. Places carry `what` as their file (none when it is empty), and the line.
// kInvalid (blame operator) with place and reason; never with a piece of the text in it but names of fields, cut
// and made printable. Requires: text.size() <= kMaxJsonSize (kInvalid otherwise).
Result<Document> parse_json(std::string_view text, std::string what, std::size_t max_nodes = kMaxJsonNodes);

// Appends `node` as compact JSON. Plain scalars that are JSON numbers, true or false stay so; all other
// scalars become strings. parse_json() of it gives the same document, places apart.
void append_json(std::string& out, const Document& node);

// Appends `text` as a JSON string, quotes included. Bytes that are no UTF-8 become U+FFFD; what terminals act
// on (controls, DEL, C1) is escaped.
void append_json_string(std::string& out, std::string_view text);

}  // namespace claviger::base
