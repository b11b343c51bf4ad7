// SPDX-License-Identifier: Apache-2.0
#pragma once

// Names as DNS has them, and the two kinds of names that ExternalDNS makes for its registry and no server takes.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace claviger::doors::externaldns {

// In lower case, without a trailing dot, labels that are not ASCII in punycode (idn.h). kBadRequest for what is no
// name: empty, an empty label or one of more than 63 bytes, more than 253 in all, a character other than letters,
// digits, '-', '_' and '/', a label that begins or ends with '-', a '*' that is not the first label and all of it.
// "." is the root, and only where `or_root`.
Result<std::string> canonical_name(std::string_view text, bool or_root = false);

// The zone that `name` belongs to: the longest that is the name, or its end from a dot on. Empty: none. Requires: `zones` sorted.
std::string_view zone_of(std::string_view name, std::span<const std::string> zones) noexcept;
bool is_within(std::string_view name, std::string_view zone) noexcept;

// Whether a TXT record is one of ExternalDNS's registry: by its text, not quoted.
bool is_heritage(std::string_view text) noexcept;
// Whether it may be one that is encrypted (--txt-encrypt-enabled): base64 and nothing else.
bool may_be_encrypted(std::string_view text) noexcept;
// The owner that such a text names; empty: none.
std::string_view heritage_owner(std::string_view text) noexcept;

// The registry writes down who owns `*.example.com` at `a-*.example.com`, which servers do not take, and who owns
// `example.com` itself at
// `a-example.com`, which is in another zone. They are kept at `a-_wildcard_.example.com` and `a-_apex_.example.com`.
// ExternalDNS sees
// its own names, either way.
//
// The name, canonical, at which a TXT record of the registry is kept; `name` in lower case and punycode but for '*'.
// Requires: `zones` sorted.
Result<std::string> stored_registry_name(std::string_view name, std::span<const std::string> zones);
// The name as ExternalDNS knows it, of a TXT record that is kept at `name` in `zone`.
std::string shown_registry_name(std::string_view name, std::string_view zone);

}  // namespace claviger::doors::externaldns
