// SPDX-License-Identifier: Apache-2.0
#include "sinks/webhook_outlet.h"

#include <fmt/format.h>

#include <chrono>
#include <span>
#include <utility>

#include "base/parse.h"

namespace claviger::sinks {
namespace {

constexpr std::uint64_t kMostAnswer = std::uint64_t{64} << 10;
constexpr http::HeadLimits kHead{.bytes = std::size_t{16} << 10};

Error refused(std::string what) {
  return Error::formatted(Code::kUpstreamFailed, Blame::kOperator, std::move(what));
}

}  // namespace

Result<void> judge_status(unsigned status) {
  if (status >= 200 && status < 300) return ok();
  if (status < 400)
    return refused(fmt::format("the receiver answers {}; redirects are not followed", status));
  const bool is_passing = status == 408 || status == 429 || status >= 500;
  if (is_passing)
    return Error::formatted(Code::kUpstreamFailed, Blame::kUpstream,
                            fmt::format("the receiver answers {}", status));
  return refused(fmt::format("the receiver refuses the batch with {}", status));
}

WebhookOutlet::WebhookOutlet(std::string origin, net::Loop& loop, net::Resolver& resolver,
                             net::BufferPool& buffers, Peer peer, Request request, crypto::HmacSha256 hmac)
    : JsonOutlet(std::move(origin)),
      loop_(loop),
      resolver_(resolver),
      buffers_(buffers),
      peer_(std::move(peer)),
      request_(std::move(request)),
      hmac_(std::move(hmac)) {}

net::Task<Result<void>> WebhookOutlet::deliver(std::string_view records) {
  for (;;) {
    const bool is_reused = connection_ && connection_->is_fresh();
    if (!is_reused) {
      connection_.reset();
      auto stream =
          CLV_CO_TRY(co_await net::connect(loop_, resolver_, peer_.destination, peer_.tls, kPeerConnect));
      connection_ = std::make_unique<http::ClientConnection>(std::move(stream), buffers_);
    }
    const auto status = co_await exchange(records);
    if (status.has_value()) {
      if (!connection_->finish(true)) connection_.reset();
      co_return judge_status(*status);
    }
    // One that was closed while it waited says nothing of the receiver.
    const bool once_more = is_reused && !connection_->answer_began();
    connection_.reset();
    if (!once_more) co_return status.error();
  }
}

net::Task<Result<unsigned>> WebhookOutlet::exchange(std::string_view records) {
  const Monotonic latest = loop_.now() + kPeerTakes;
  const std::string request = head(records);
  connection_->begin();
  CLV_CO_TRY_VOID(co_await connection_->send(request, kPeerTakes));
  CLV_CO_TRY_VOID(co_await connection_->send(records, connection_->left_until(latest)));
  CLV_CO_TRY_VOID(co_await connection_->read_final_head(http::Method::kPost, kHead, latest));
  const unsigned status = connection_->head().status;
  CLV_CO_TRY_VOID(co_await read_body(latest));
  co_return status;
}

// What is longer is left unread: the connection is not used again then.
net::Task<Result<void>> WebhookOutlet::read_body(Monotonic latest) {
  std::uint64_t total = 0;
  while (!connection_->body_is_done() && total < kMostAnswer) {
    const auto piece = CLV_CO_TRY(co_await connection_->read_body(connection_->left_until(latest)));
    total += piece.size();
  }
  co_return ok();
}

std::string WebhookOutlet::head(std::string_view records) {
  const auto now = std::chrono::floor<std::chrono::seconds>(loop_.clock().wall());
  const std::string timestamp = std::to_string(now.time_since_epoch().count());
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nContent-Type: application/x-ndjson\r\n"
      "Content-Length: {}\r\n{}: {}\r\n{}: v1={}\r\n\r\n",
      request_.target, request_.authority, request_.user_agent, records.size(), kTimestampField, timestamp,
      kSignatureField, signature(timestamp, records));
}

std::string WebhookOutlet::signature(std::string_view timestamp, std::string_view records) {
  std::string text;
  text.reserve(timestamp.size() + 1 + records.size());
  text.append(timestamp).append(".").append(records);
  return base::format_hex(hmac_.mac(std::as_bytes(std::span(text))));
}

}  // namespace claviger::sinks
