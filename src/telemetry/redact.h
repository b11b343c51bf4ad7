// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace claviger::telemetry {

// The net under the rope: text bound for a log with whatever looks like a credential replaced by
// "[redacted]". Code must not put secrets into logs in the first place; this catches what slips.
//
// Covers: Claviger API keys (clv_...: the id stays, the secret goes); values after Authorization,
// Proxy-Authorization, Cookie, Set-Cookie, X-API-Key, x-goog-api-key and the like ("name: value" and
// "name=value"); Bearer, Basic and Digest tokens; user info in URLs; query parameters named key, token,
// secret, password, signature, code and kin; well-known key shapes of providers (sk-..., ghp_..., AKIA...,
// xox..., JWTs); PEM private keys.
std::string redact(std::string_view text);

// True when redact() would change `text`. Allocates nothing.
bool needs_redaction(std::string_view text) noexcept;

// Appends `text` to `out` as the inside of a JSON string (RFC 8259; invalid UTF-8 becomes U+FFFD).
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace claviger::telemetry
