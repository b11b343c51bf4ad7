// SPDX-License-Identifier: Apache-2.0
#include "http/server_connection.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace claviger::http {
namespace {

using telemetry::Counter;

constexpr std::uint64_t kDrainLimit = 64 << 10;        // of a refused body, to save the connection
constexpr std::uint64_t kLingerLimit = 1 << 20;        // read away before closing
constexpr auto kLingerTime = std::chrono::seconds(2);

}  // namespace

ServerConnection::ServerConnection(std::unique_ptr<net::Stream> stream, net::Endpoint peer,
                                   net::BufferPool& buffers, const ServerLimits& limits,
                                   telemetry::WorkerMetrics& metrics) noexcept
    : stream_(std::move(stream)),
      peer_(peer),
      peer_text_(base::format_ip(peer.address)),
      limits_(limits),
      metrics_(metrics),
      head_buffer_(buffers),
      in_(buffers),
      out_(buffers) {}

// Callers that are too slow for a limit show in a metric, whatever becomes of the error.
template <class T>
Result<T> ServerConnection::counted(Result<T> outcome) noexcept {
  if (!outcome.has_value() && outcome.error().code() == Code::kTimeout)
    metrics_.add(Counter::kDeadlinesExpired);
  return outcome;
}

net::Task<Result<bool>> ServerConnection::wait_for_first_byte() {
  in_.release();
  idle_ = true;
  if (stopping_) co_return false;
  const auto first = std::min(limits_.idle_timeout, net::kBuffersKeptIdle);
  stream_->set_deadline_after(first);
  auto ready = co_await stream_->wait_readable();
  if (!ready.has_value() && ready.error().code() == Code::kTimeout && first < limits_.idle_timeout) {
    // Not between two requests of a busy caller, then: TLS gives back its buffers, too.
    stream_->release_buffers();
    stream_->set_deadline_after(limits_.idle_timeout - first);
    ready = co_await stream_->wait_readable();
  }
  idle_ = false;
  stream_->set_deadline_after(limits_.head_timeout);
  co_return ready.has_value();
}

net::Task<Result<bool>> ServerConnection::read_head() {
  scanner_.reset();
  in_.compact();
  if (!in_.is_empty()) stream_->set_deadline_after(limits_.head_timeout);
  else if (!CLV_CO_TRY(co_await wait_for_first_byte())) co_return false;
  for (;;) {
    if (!in_.is_empty()) {
      const std::size_t size = CLV_CO_TRY(scanner_.scan(in_.filled(), limits_.head, Blame::kCaller));
      if (size > 0) {
        metrics_.add(Counter::kRequests);
        CLV_CO_TRY_VOID(parse_request_head(in_.filled().substr(0, size), limits_.head, head_));
        in_.consume(size);
        break;
      }
    }
    const std::span<char> room = in_.room();
    if (room.empty()) co_return Error(Code::kHeadTooLarge, Blame::kCaller, "the request head is too large");
    const std::size_t got = CLV_CO_TRY(counted(co_await stream_->read(room)));
    if (got == 0) {
      if (in_.is_empty()) co_return false;
      co_return Error(Code::kClosed, Blame::kCaller, "the caller left in the middle of a head");
    }
    in_.added(got);
    metrics_.add(Counter::kBytesFromCallers, got);
  }
  head_in_input_ = true;
  answer_began_ = false;
  body_wait_ = limits_.body_idle_timeout;
  keep_alive_ = head_.keep_alive && !stopping_;
  body_ = BodyReader(head_.framing, head_.content_length, Blame::kCaller);
  if (head_.framing == Framing::kLength && head_.content_length > limits_.body) {
    keep_alive_ = false;
    co_return Error(Code::kTooLarge, Blame::kCaller, "the request body is over the gateway's limit");
  }
  co_return true;
}

Result<void> ServerConnection::check_body_limit() const {
  if (body_.total() > limits_.body)
    return Error(Code::kTooLarge, Blame::kCaller, "the request body is over the gateway's limit");
  return ok();
}

// The next piece out of what is buffered; empty when there is none or the body is at its end.
Result<std::string_view> ServerConnection::take_piece() {
  while (!body_.is_done() && !in_.is_empty()) {
    const BodyReader::Step step = CLV_TRY(body_.next(in_.filled()));
    in_.consume(step.consumed);
    if (!step.data.empty()) {
      CLV_TRY_VOID(check_body_limit());
      return step.data;
    }
  }
  return std::string_view();
}

Result<std::string_view> ServerConnection::take_buffered_body() {
  auto piece = take_piece();
  if (!piece.has_value()) keep_alive_ = false;
  return piece;
}

net::Task<Result<std::string_view>> ServerConnection::read_body() {
  for (;;) {
    const auto piece = take_buffered_body();
    if (!piece.has_value() || !piece->empty() || body_.is_done()) co_return piece;
    // The head must stay readable while its body streams: it keeps its buffer, the body gets another.
    if (std::exchange(head_in_input_, false)) head_buffer_ = std::move(in_);
    else in_.compact();
    stream_->set_deadline_after(body_wait_);
    auto got = counted(co_await stream_->read(in_.room()));
    if (got.has_value() && *got == 0)
      got = Error(Code::kClosed, Blame::kCaller, "the caller left in the middle of a body");
    if (!got.has_value()) {
      keep_alive_ = false;
      co_return std::move(got).error();
    }
    in_.added(*got);
    metrics_.add(Counter::kBytesFromCallers, *got);
  }
}

std::span<char> ServerConnection::head_room() {
  if (!out_.is_empty()) return {};  // a head never follows what is in line; HeadWriter says it does not fit
  out_.compact();
  return out_.room();
}

bool ServerConnection::try_write(std::string_view text) {
  if (!out_.append(text)) return false;
  answer_began_ = true;
  return true;
}

net::Task<Result<void>> ServerConnection::write(std::string_view text) {
  if (try_write(text)) co_return ok();
  CLV_CO_TRY_VOID(co_await flush());
  if (text.size() < net::kBufferSize / 2 && try_write(text)) co_return ok();
  // Large pieces go straight from where they lie.
  answer_began_ = true;
  stream_->set_deadline_after(limits_.body_idle_timeout);
  CLV_CO_TRY_VOID(counted(co_await stream_->write_all(text)));
  metrics_.add(Counter::kBytesToCallers, text.size());
  co_return ok();
}

net::Task<Result<void>> ServerConnection::flush() {
  if (out_.is_empty()) co_return ok();
  const std::string_view text = out_.filled();
  stream_->set_deadline_after(limits_.body_idle_timeout);
  auto sent = counted(co_await stream_->write_all(text));
  metrics_.add(Counter::kBytesToCallers, text.size());
  out_.release();
  co_return sent;
}

net::Task<bool> ServerConnection::finish_request() {
  // The head is of no use any more, and a body that nobody wants gets two seconds, not two for each byte.
  head_buffer_.release();
  head_in_input_ = false;
  body_wait_ = kLingerTime;
  const Monotonic until = stream_->loop().now() + kLingerTime;
  std::uint64_t drained = 0;
  while (keep_alive_ && !body_.is_done() && stream_->loop().now() < until) {
    // Nobody sends a body that waits for a 100 (Continue) once it has the final answer.
    if (head_.expects_continue && body_.total() == 0) break;
    const auto piece = co_await read_body();
    if (!piece.has_value() || (drained += piece->size()) > kDrainLimit) break;
  }
  const bool goes_on = keep_alive_ && body_.is_done() && !(stopping_ && in_.is_empty());
  co_return goes_on;
}

net::Task<void> ServerConnection::close_gracefully() {
  stream_->shutdown_write();
  in_.release();
  if (stream_->is_finished() && !stream_->source().is_readable()) co_return;
  stream_->set_deadline_after(kLingerTime);
  const Monotonic until = stream_->loop().now() + kLingerTime;
  for (std::uint64_t total = 0; total < kLingerLimit && stream_->loop().now() < until;) {
    in_.release();
    const auto got = co_await stream_->read(in_.room());
    if (!got.has_value() || *got == 0) break;
    in_.added(*got);
    total += *got;
  }
}

void ServerConnection::abort() noexcept {
  aborted_ = true;
  keep_alive_ = false;
  stream_->abort_on_close();
}

void ServerConnection::stop_when_idle() noexcept {
  stopping_ = true;
  keep_alive_ = false;
  if (idle_) stream_->cancel();
}

}  // namespace claviger::http
