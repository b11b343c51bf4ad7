// SPDX-License-Identifier: Apache-2.0
#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/check.h"

namespace claviger::net {

Error tls_error(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return Error::formatted(Code::kInvalid, Blame::kOperator,
                          what + (reason != nullptr ? std::string(": ") + reason : std::string()));
}

SSL_CTX* make_context(const SSL_METHOD* method) {
  SSL_CTX* context = SSL_CTX_new(method);
  CLV_CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
  // Not SSL_MODE_RELEASE_BUFFERS: it frees, and with CLEANSE_PLAINTEXT wipes, 16 KiB at each read. Streams give their
  // buffers back when they have been idle for a while (Stream::release_buffers).
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  return context;
}

}  // namespace claviger::net
