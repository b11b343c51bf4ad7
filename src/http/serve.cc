// SPDX-License-Identifier: Apache-2.0
#include "http/serve.h"

#include <utility>

#include "http/codec_rule.h"

namespace claviger::http {
namespace {

constexpr unsigned kRequestsBeforeYield = 16;

bool can_be_answered(Code code) noexcept {
  return code == Code::kBadRequest || code == Code::kHeadTooLarge || code == Code::kTooLarge;
}

void count(telemetry::WorkerMetrics& metrics, const Error& refused) noexcept {
  using telemetry::CodecRule;
  using telemetry::Counter;
  if (refused.code() == Code::kTooLarge) return metrics.add(Counter::kLimitBody);
  const CodecRule rule = codec_rule(refused);
  metrics.add(telemetry::Side::kCaller, rule);
  if (rule == CodecRule::kHeadSize) metrics.add(Counter::kLimitHead);
  if (rule == CodecRule::kFieldCount) metrics.add(Counter::kLimitHeaders);
}

}  // namespace

net::Task<void> serve(ServerConnection& connection, Handler& handler) {
  for (unsigned requests = 1;; ++requests) {
    // Pipelined requests that are answered at once would keep everybody else waiting.
    if (requests % kRequestsBeforeYield == 0) co_await connection.stream().loop().yield();
    auto more = co_await connection.read_head();
    if (!more.has_value()) {
      if (!can_be_answered(more.error().code())) co_return;
      count(connection.metrics(), more.error());
      connection.close_after_answer();
      co_await handler.refuse(connection, std::move(more).error());
      co_await connection.close_gracefully();
      co_return;
    }
    if (!*more) {
      // Nothing was left unread, so there is nothing that a close could destroy. Whoever has closed for good hears no
      // goodbye: saying it would only bring a reset.
      if (!connection.stream().is_finished()) connection.stream().shutdown_write();
      co_return;
    }
    co_await handler.handle(connection);
    if (connection.is_aborted()) co_return;
    if (!co_await connection.finish_request()) break;
  }
  co_await connection.close_gracefully();
}

}  // namespace claviger::http
