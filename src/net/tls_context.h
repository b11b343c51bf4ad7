// SPDX-License-Identifier: Apache-2.0
#pragma once

// Internal to net: what the two kinds of TLS context and the driver share.

#include <string>

#include "base/result.h"
#include "net/tls.h"

struct ssl_ctx_st;
struct ssl_method_st;
struct ssl_st;

namespace claviger::net {

// What both ends have in common: versions, ciphers, modes.
ssl_ctx_st* make_context(const ssl_method_st* method);

// kInvalid, blame operator: `what`, and why OpenSSL says so.
Error tls_error(const std::string& what);

// Certificate chain and key, PEM files, which belong together. The key stays in the secret arena.
Result<void> prove_with(ssl_ctx_st* context, const std::string& certificate_file,
                        const std::string& key_file);

// What SSL_get_verify_result() says of a chain that is valid but has no pinned key.
inline constexpr long kNotPinned = 50;  // X509_V_ERR_APPLICATION_VERIFICATION

// Name, versions, verification and the session to resume, onto a connection about to shake hands.
void apply_client_settings(ssl_st* ssl, ClientTls& tls, Monotonic now);

}  // namespace claviger::net
