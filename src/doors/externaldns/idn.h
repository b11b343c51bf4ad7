// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace claviger::doors::externaldns {

// A label that is not ASCII, in punycode ("xn--..."), as browsers look it up: IDNA 2008 after the mapping of UTS #46, not transitional
// (capitals and forms of a letter are one; "\u00df" stays itself). None: it is no label. Requires: UTF-8.
std::optional<std::string> label_to_ascii(std::string_view label);

// A name, canonical, with its punycode turned back; what is none stays as it is.
std::string name_to_unicode(std::string_view name);

}  // namespace claviger::doors::externaldns
