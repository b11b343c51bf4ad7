// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "crypto/hash.h"
#include "http/client_connection.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "sinks/json_outlet.h"
#include "sinks/peer.h"

namespace claviger::sinks {

inline constexpr std::string_view kTimestampField = "X-Claviger-Timestamp";  // Unix time, seconds
inline constexpr std::string_view kSignatureField = "X-Claviger-Signature";  // "v1=<hex>"

// POSTs a batch as NDJSON (application/x-ndjson), over TLS but on loopback. HMAC-SHA-256 over "<timestamp>.<body>" lets the
// receiver tell that it is ours, whole, and not an old one.
//
// 2xx: taken. Anything else, redirects included, is not, and the batch is sent again. Of an answer's body 64 KiB are read.
// Threads: the loop's, which outlives it, as the rest of the surroundings does. Secrets: the HMAC's key is in the arena.
class WebhookOutlet final : public JsonOutlet {
 public:
  struct Request {
    std::string authority;
    std::string target;
    std::string user_agent;
  };
  WebhookOutlet(std::string origin, net::Loop& loop, net::Resolver& resolver, net::BufferPool& buffers,
                Peer peer, Request request, crypto::HmacSha256 hmac);

  net::Task<Result<void>> deliver(std::string_view records) override;

 private:
  net::Task<Result<unsigned>> exchange(std::string_view records);
  net::Task<Result<void>> read_body(Monotonic latest);
  std::string head(std::string_view records);
  std::string signature(std::string_view timestamp, std::string_view records);

  net::Loop& loop_;
  net::Resolver& resolver_;
  net::BufferPool& buffers_;
  const Peer peer_;
  const Request request_;
  crypto::HmacSha256 hmac_;
  std::unique_ptr<http::ClientConnection> connection_;  // null: none
};

// What a status means. Blame: operator, where it will not do by itself.
Result<void> judge_status(unsigned status);

}  // namespace claviger::sinks
