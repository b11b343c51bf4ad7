// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/call.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::doors::externaldns {

// The one media type there is, byte for byte.
inline constexpr std::string_view kWebhookType = "application/external.dns.webhook+json;version=1";

// One request on a door's listener. Borrowed: lives for as long as it is answered.
struct Visit {
  http::ServerConnection& caller;
  const http::RequestHead* head = nullptr;  // null when none could be read
  gateway::RequestId request_id{};
  WallTime wall{};
  Monotonic began{};
  unsigned status = 0;  // that was answered; 0: nothing was

  std::string_view id() const noexcept { return {request_id.data(), request_id.size()}; }
};

// The body, as far as `most` bytes of it; kTooLarge where it is longer, and then all of it has been read away: who is cut off in
// the middle of sending may not see the answer. kTimeout where it is not over by `latest`. After other errors there is nobody to answer.
net::Task<Result<std::string>> read_body(Visit& visit, std::size_t most, Monotonic latest);
// Reads away what is left of it, for the same reason, before a refusal.
net::Task<void> read_away(Visit& visit, Monotonic latest);

// Writes the whole answer: `body` for GET and POST, the head alone for HEAD and 204.
net::Task<void> write_answer(Visit& visit, unsigned status, std::string_view type, std::string_view body);
// Writes the error as the gateway's problem document (docs/errors.md) with `status`, whatever its code. Whoever reads it runs the
// gateway: every detail is shown.
net::Task<void> write_refusal(Visit& visit, unsigned status, const Error& error);

// Whether this Host is an address, or localhost. By another name, whoever that belongs to could have a browser on this machine call.
bool names_this_machine(std::string_view host);

}  // namespace claviger::doors::externaldns
