// SPDX-License-Identifier: Apache-2.0
#pragma once

// Internal to net: whose certificates callers may show.

#include <string>

#include "base/result.h"
#include "net/tls.h"

struct asn1_string_st;
struct ssl_ctx_st;

namespace claviger::net {

// Reads the CA file of `options`, and has `context` ask callers for a certificate accordingly: one for clients, of a chain
// and a size with bounds. Without a file it asks for none. kInvalid names the file and what is wrong with it.
Result<CallerTrust> trust_callers(ssl_ctx_st* context, const ServerTlsOptions& options);

// In whole seconds; the end of all time when it is none.
WallTime time_of(const asn1_string_st* time) noexcept;

}  // namespace claviger::net
