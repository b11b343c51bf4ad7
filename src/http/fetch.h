// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_arena.h"
#include "base/secret_bytes.h"
#include "http/message.h"
#include "net/buffer.h"
#include "net/connector.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/task.h"
#include "net/tls.h"

namespace claviger::http {

// Requests of the gateway's own, with secrets in them: to token endpoints and secret stores. One connection for each, HTTP/1.1,
// no redirect followed, identity encoding asked for and nothing else taken.

// What a fetch borrows; outlives its task. Threads: the loop's.
struct FetchSurroundings {
  net::Loop& loop;
  net::Resolver& resolver;
  net::BufferPool& buffers;
  base::SecretArena& arena;
};

struct FetchTarget {
  net::Destination destination;  // its rules are the SSRF guard's
  std::shared_ptr<net::ClientTls> tls;  // null: plain
  std::string authority;  // as it goes into Host
};

struct FetchField {
  std::string_view name;
  std::string_view value;  // may lie in the arena
};

struct FetchRequest {
  Method method = Method::kGet;
  std::string_view target = "/";  // path and query
  // Host, User-Agent, Connection, Accept-Encoding and framing are added.
  std::span<const FetchField> fields;
  std::string_view body;  // may lie in the arena
  std::string_view wanted_cookie;  // that the answer may set (RFC 6265 section 4.1); empty: none
};

struct FetchLimits {
  std::chrono::milliseconds total{std::chrono::seconds(10)};  // from the name to the answer's last byte
  std::size_t body = std::size_t{256} << 10;  // of the answer
};

struct FetchAnswer {
  unsigned status = 0;
  base::SecretBytes body;
  std::string content_type;  // the media type in lower case, without parameters; empty when there is none
  base::SecretBytes cookie;  // the value of the wanted one; empty: it is not set
  std::optional<std::chrono::seconds> retry_after;  // a day at most; a date does not count
};

// kUpstreamFailed or kUpstreamTimeout, with the host but nothing of request or answer; any status that was answered is an answer,
// redirects included. Refused are answers of HTTP/1.0, coded ones, and those that go on after eight interim ones.
// kUnavailable when the arena is spent. kInvalid when the request could not be sent as it is: a control byte in a field, say.
// Requires: `around` and what `request` views outlive the task.
// Secrets: request and answer lie in the arena, and in buffers that are wiped.
net::Task<Result<FetchAnswer>> fetch(const FetchSurroundings& around, FetchTarget target,
                                     FetchRequest request, FetchLimits limits = {});

}  // namespace claviger::http
