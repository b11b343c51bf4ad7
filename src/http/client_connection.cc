// SPDX-License-Identifier: Apache-2.0
#include "http/client_connection.h"

#include <algorithm>
#include <utility>

#include "http/codec_rule.h"

namespace claviger::http {
namespace {

constexpr int kMostInterim = 8;
constexpr std::size_t kFront = 256;  // for put_before(); more than a word, as a rule

// What a failure of the socket means when the peer is an upstream.
Error as_upstream_error(Error error) {
  switch (error.code()) {
    case Code::kTimeout:
      return Error(Code::kUpstreamTimeout, Blame::kUpstream, "the upstream took too long");
    case Code::kClosed:
      return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream closed the connection");
    case Code::kIo:
      return Error(Code::kUpstreamFailed, Blame::kUpstream, "the connection to the upstream broke");
    default:
      return error;
  }
}

}  // namespace

net::Task<Result<void>> ClientConnection::send(std::string_view bytes, std::chrono::milliseconds limit) {
  stream_->set_deadline_after(limit);
  auto sent = co_await stream_->write_all(bytes);
  if (!sent.has_value()) co_return as_upstream_error(std::move(sent).error());
  co_return ok();
}

net::Task<Result<void>> ClientConnection::read_head(Method request_method, const HeadLimits& limits,
                                                    std::chrono::milliseconds limit) {
  scanner_.reset();
  in_.compact();
  stream_->set_deadline_after(limit);
  for (;;) {
    if (!in_.is_empty()) {
      answer_began_ = true;
      const auto size = scanner_.scan(in_.filled(), limits, Blame::kUpstream);
      if (!size.has_value()) co_return refused(size.error());
      if (*size > 0) {
        const auto read =
            parse_response_head(in_.filled().substr(0, *size), limits, request_method, head_.make());
        if (!read.has_value()) co_return refused(read.error());
        in_.consume(*size);
        break;
      }
    }
    const std::span<char> room = in_.room();
    if (room.empty())
      co_return refused(
          Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream's answer has too large a head"));
    auto got = co_await stream_->read(room);
    if (!got.has_value()) co_return as_upstream_error(std::move(got).error());
    if (*got == 0)
      co_return Error(Code::kUpstreamFailed, Blame::kUpstream,
                      "the upstream closed the connection before it answered");
    in_.added(*got);
  }
  keep_alive_ = head_->keep_alive;
  body_ = BodyReader(head_->framing, head_->content_length, Blame::kUpstream);
  co_return ok();
}

net::Task<Result<void>> ClientConnection::read_final_head(Method request_method, HeadLimits limits,
                                                          Monotonic latest) {
  for (int i = 0; i < kMostInterim; ++i) {
    CLV_CO_TRY_VOID(co_await read_head(request_method, limits, left_until(latest)));
    if (head_->status >= 200) co_return ok();
    if (head_->status == 101) break;
  }
  co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream gives no final answer");
}

std::chrono::milliseconds ClientConnection::left_until(Monotonic latest) const noexcept {
  return std::max(std::chrono::milliseconds(1),
                  std::chrono::ceil<std::chrono::milliseconds>(latest - stream_->loop().now()));
}

Result<std::string_view> ClientConnection::take_piece() {
  while (!body_.is_done() && !in_.is_empty()) {
    const auto step = body_.next(in_.filled());
    if (!step.has_value()) return refused(step.error());
    in_.consume(step->consumed);
    if (!step->data.empty()) return step->data;
  }
  return std::string_view();
}

// An answer that breaks the rules shows in a metric, whatever becomes of the error.
Error ClientConnection::refused(Error error) noexcept {
  stream_->loop().metrics().add(telemetry::Side::kUpstream, codec_rule(error));
  return error;
}

Result<std::string_view> ClientConnection::take_buffered_body() { return take_piece(); }

net::Task<Result<std::string_view>> ClientConnection::read_body(std::chrono::milliseconds limit,
                                                                Limits whose) {
  for (;;) {
    const auto piece = take_piece();
    if (!piece.has_value() || !piece->empty() || body_.is_done()) co_return piece;
    in_.compact();
    if (in_.is_empty()) in_.leave_front(kFront);
    if (whose == Limits::kBoth) stream_->set_deadline_after(limit);
    else stream_->set_read_deadline_after(limit);
    auto got = co_await stream_->read(in_.room());
    if (!got.has_value()) co_return as_upstream_error(std::move(got).error());
    if (*got == 0) {
      const auto whole = body_.end_of_input();
      if (!whole.has_value()) co_return refused(whole.error());
      co_return std::string_view();
    }
    in_.added(*got);
  }
}

// In front of a piece lie only bytes that were taken: of a read that is over, or of the pieces that `text` is from.
std::string_view ClientConnection::put_before(std::string_view piece, std::string_view text) noexcept {
  const std::span<char> front = in_.before(piece.data(), text.size());
  if (front.empty()) return {};
  std::ranges::copy(text, front.begin());
  return {front.data(), text.size() + piece.size()};
}

net::Task<Result<bool>> ClientConnection::peek_body(net::Buffer& out, std::size_t most,
                                                    std::chrono::milliseconds limit) {
  for (bool ended = false;;) {
    BodyReader reader = body_;
    out.release();
    for (std::string_view left = in_.filled(); !left.empty() && !reader.is_done();) {
      const auto step = reader.next(left);
      if (!step.has_value()) co_return false;  // whoever takes the body is told
      left.remove_prefix(step->consumed);
      if (out.filled().size() + step->data.size() > most) co_return false;
      if (!step->data.empty()) out.append(step->data);
    }
    if (reader.is_done() || (ended && reader.framing() == Framing::kUntilClose)) co_return true;
    // Behind what is there, so that nothing of it moves.
    if (reader.remaining() > most || ended || in_.room().empty()) co_return false;
    stream_->set_deadline_after(limit);
    auto got = co_await stream_->read(in_.room());
    if (!got.has_value()) co_return as_upstream_error(std::move(got).error());
    in_.added(*got);
    ended = *got == 0;
  }
}

bool ClientConnection::finish(bool request_was_sent) noexcept {
  const bool clean = request_was_sent && keep_alive_ && body_.is_done() && in_.is_empty() &&
                     stream_->is_quiet() && !stream_->is_finished() && !stream_->source().is_cancelled();
  in_.release();
  head_.release();
  stream_->set_deadline(net::Deadline::kNever);
  return clean;
}

}  // namespace claviger::http
