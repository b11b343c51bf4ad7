// SPDX-License-Identifier: Apache-2.0
#include "http/server_connection.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/codec_rule.h"

namespace claviger::http {
namespace {

using telemetry::Counter;

constexpr std::uint64_t kDrainLimit = 64 << 10;        // of a refused body, to save the connection
constexpr std::uint64_t kLingerLimit = 1 << 20;        // read away before closing
constexpr auto kLingerTime = std::chrono::seconds(2);
// By an idle connection of what TLS has: where thousands come, what they keep for longer is never given back in between.
constexpr auto kBuffersKept = std::chrono::milliseconds(250);
constexpr auto kLastRequest = std::chrono::seconds(1);  // for one that is on its way when the gateway stops

}  // namespace

ServerConnection::ServerConnection(std::unique_ptr<net::Stream> stream, net::Endpoint peer,
                                   net::BufferPool& buffers,
                                   const std::shared_ptr<const ServerLimits>& newest,
                                   telemetry::WorkerMetrics& metrics) noexcept
    : stream_(std::move(stream)),
      peer_(peer),
      peer_text_(base::format_ip(peer.address)),
      newest_(newest),
      limits_(newest),
      metrics_(metrics),
      head_buffer_(buffers),
      in_(buffers),
      out_(buffers),
      head_(buffers) {}

// Callers that are too slow for a limit show in a metric, whatever becomes of the error.
Error ServerConnection::too_slow(Error error, Counter limit) noexcept {
  if (error.code() == Code::kTimeout) {
    metrics_.add(Counter::kDeadlinesExpired);
    metrics_.add(limit);
  }
  return error;
}

// --- The request ---------------------------------------------------------------------------------

net::Task<Result<bool>> ServerConnection::wait_for_first_byte() {
  in_.release();
  head_.release();
  idle_ = true;
  if (watcher_ != nullptr) watcher_->on_idle();
  if (stopping_ && !is_new_) co_return false;
  // A socket counts as readable until somebody has looked; who says nothing is to cost no more than who said something once.
  if (is_new_ && !stream_->has_buffered() && !stream_->source().has_unread()) stream_->source().drained();
  // Who has only just come came with a request.
  const auto most = is_new_ ? std::min(limits_->idle_timeout, limits_->head_timeout) : limits_->idle_timeout;
  const auto first = std::min<std::chrono::milliseconds>(most, kBuffersKept);
  stream_->set_read_deadline_after(first);
  auto ready = co_await stream_->wait_readable();
  if (!ready.has_value() && ready.error().code() == Code::kTimeout && first < most && !stopping_) {
    // Not between two requests of a busy caller, then: TLS gives back its buffers, too.
    stream_->release_buffers();
    stream_->set_read_deadline_after(most - first);
    ready = co_await stream_->wait_readable();
  }
  idle_ = false;
  if (!ready.has_value() && ready.error().code() == Code::kTimeout && !stopping_)
    metrics_.add(Counter::kLimitIdleTimeout);
  if (limits_ != newest_) limits_ = newest_;  // there may be others since it began to wait
  stream_->set_read_deadline_after(limits_->head_timeout);
  co_return ready.has_value();
}

net::Task<Result<bool>> ServerConnection::read_head() {
  scanner_.reset();
  in_.compact();
  answer_began_ = false;  // whatever is wrong with the next head has an answer of its own
  // Mostly the same; counting the references of what all share for each request would not be cheap.
  if (limits_ != newest_) limits_ = newest_;
  if (!in_.is_empty()) stream_->set_read_deadline_after(limits_->head_timeout);
  else if (!CLV_CO_TRY(co_await wait_for_first_byte())) co_return false;
  for (;;) {
    if (!in_.is_empty()) {
      const std::size_t size = CLV_CO_TRY(scanner_.scan(in_.filled(), limits_->head, Blame::kCaller));
      if (size > 0) {
        metrics_.add(Counter::kRequests);
        CLV_CO_TRY_VOID(parse_request_head(in_.filled().substr(0, size), limits_->head, head_.make()));
        in_.consume(size);
        break;
      }
    }
    const std::span<char> room = in_.room();
    if (room.empty()) co_return Error(Code::kHeadTooLarge, Blame::kCaller, "the request head is too large");
    auto got = co_await stream_->read(room);
    if (!got.has_value()) co_return too_slow(std::move(got).error(), Counter::kLimitHeadTimeout);
    if (*got == 0) {
      if (in_.is_empty()) co_return false;
      co_return Error(Code::kClosed, Blame::kCaller, "the caller left in the middle of a head");
    }
    in_.added(*got);
    metrics_.add(Counter::kBytesFromCallers, *got);
  }
  head_in_input_ = true;
  is_new_ = false;
  body_wait_ = limits_->body_idle_timeout;
  is_lingering_ = false;
  body_waited_ = {};
  keep_alive_ = head_->keep_alive && !stopping_;
  if (++requests_ >= limits_->requests && keep_alive_) {
    keep_alive_ = false;
    metrics_.add(Counter::kLimitRequestsPerConnection);
  }
  body_ = BodyReader(head_->framing, head_->content_length, Blame::kCaller);
  if (head_->framing == Framing::kLength && head_->content_length > limits_->body) {
    keep_alive_ = false;
    co_return Error(Code::kTooLarge, Blame::kCaller, "the request body is over the gateway's limit");
  }
  co_return true;
}

Result<void> ServerConnection::check_body_limit() {
  if (body_.total() <= limits_->body) return ok();
  metrics_.add(Counter::kLimitBody);
  return Error(Code::kTooLarge, Blame::kCaller, "the request body is over the gateway's limit");
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
  if (!piece.has_value()) {
    keep_alive_ = false;
    if (piece.error().code() == Code::kBadRequest)
      metrics_.add(telemetry::Side::kCaller, codec_rule(piece.error()));
  }
  return piece;
}

// For how long a body with so many bytes may have kept us waiting.
std::chrono::milliseconds ServerConnection::body_earned() const noexcept {
  if (limits_->body_rate == 0) return std::chrono::hours(24 * 365);
  return limits_->body_idle_timeout + std::chrono::milliseconds(body_.total() * 1000 / limits_->body_rate);
}

net::Task<Result<std::size_t>> ServerConnection::wait_for_body() {
  const Monotonic began = stream_->loop().now();
  const Monotonic::duration left = body_earned() - body_waited_;
  stream_->set_read_deadline(began + std::min<Monotonic::duration>(body_wait_, left));
  auto got = co_await stream_->read(in_.room());
  body_waited_ += stream_->loop().now() - began;
  if (!got.has_value()) {
    if (is_lingering_) co_return std::move(got).error();  // a body that nobody wants: no limit bites
    co_return too_slow(std::move(got).error(),
                       left < body_wait_ ? Counter::kLimitBodyRate : Counter::kLimitBodyIdleTimeout);
  }
  if (*got == 0) co_return Error(Code::kClosed, Blame::kCaller, "the caller left in the middle of a body");
  co_return got;
}

net::Task<Result<std::string_view>> ServerConnection::read_body() {
  for (;;) {
    const auto piece = take_buffered_body();
    if (!piece.has_value() || !piece->empty() || body_.is_done()) co_return piece;
    // The head must stay readable while its body streams: it keeps its buffer, the body gets another.
    if (std::exchange(head_in_input_, false)) head_buffer_ = std::move(in_);
    else in_.compact();
    auto got = co_await wait_for_body();
    if (!got.has_value()) {
      keep_alive_ = false;
      co_return std::move(got).error();
    }
    in_.added(*got);
    metrics_.add(Counter::kBytesFromCallers, *got);
  }
}

// --- The answer ----------------------------------------------------------------------------------

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
  // Large pieces go straight from where they lie, unless they can go with what is in line.
  const bool is_large = text.size() >= net::kBufferSize / 2;
  if (!(is_large && out_.is_empty()) && try_write(text)) co_return ok();
  CLV_CO_TRY_VOID(co_await flush());
  if (!is_large && try_write(text)) co_return ok();
  answer_began_ = true;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, net::kBufferSize);
    text.remove_prefix(piece.size());
    const Monotonic began = start_sending(piece.size());
    CLV_CO_TRY_VOID(done_sending(co_await stream_->write_all(piece), began, piece.size()));
  }
  co_return ok();
}

// A buffer full has body_idle_timeout to leave, in one piece or in many: who takes a byte a second of events is as slow as who
// takes so much of a file. Only waiting counts, and what was taken counts for what comes.
Monotonic ServerConnection::start_sending(std::size_t size) noexcept {
  constexpr auto kWhole = static_cast<std::int64_t>(net::kBufferSize);
  const auto due = std::max(static_cast<std::int64_t>(sent_ + size), kWhole);
  const Monotonic now = stream_->loop().now();
  stream_->set_write_deadline(now + limits_->body_idle_timeout * due / kWhole - send_waited_);
  return now;
}

Result<void> ServerConnection::done_sending(Result<void> outcome, Monotonic began,
                                            std::size_t size) noexcept {
  metrics_.add(Counter::kBytesToCallers, size);
  if (!outcome.has_value()) return too_slow(std::move(outcome).error(), Counter::kLimitSlowReader);
  send_waited_ += stream_->loop().now() - began;
  sent_ += size;
  if (sent_ >= net::kBufferSize) {
    sent_ = 0;
    send_waited_ = {};
  }
  return outcome;
}

net::Task<Result<void>> ServerConnection::flush() {
  if (out_.is_empty()) co_return ok();
  const std::string_view text = out_.filled();
  const Monotonic began = start_sending(text.size());
  auto sent = done_sending(co_await stream_->write_all(text), began, text.size());
  out_.release();
  co_return sent;
}

// --- The end -------------------------------------------------------------------------------------

net::Task<bool> ServerConnection::finish_request() {
  // The head is of no use any more, and a body that nobody wants gets two seconds, not two for each byte.
  head_buffer_.release();
  head_in_input_ = false;
  body_wait_ = kLingerTime;
  is_lingering_ = true;
  const Monotonic until = stream_->loop().now() + kLingerTime;
  std::uint64_t drained = 0;
  while (keep_alive_ && !body_.is_done() && stream_->loop().now() < until) {
    // Nobody sends a body that waits for a 100 (Continue) once it has the final answer.
    if (head_->expects_continue && body_.total() == 0) break;
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
  stream_->set_read_deadline_after(kLingerTime);
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
  if (!idle_) return;
  // A close would cross with a request that is on its way, and its caller could not know what became of it.
  if (is_new_ || stream_->source().has_unread()) stream_->set_deadline_after(kLastRequest);
  else stream_->cancel();
}

}  // namespace claviger::http
