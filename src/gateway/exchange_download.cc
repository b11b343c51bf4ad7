// SPDX-License-Identifier: Apache-2.0
// The answer on its way down.
#include <array>

#include "gateway/credential_testimony.h"
#include "gateway/exchange.h"
#include "http/body.h"

namespace claviger::gateway {
namespace {

constexpr int kMaxInterim = 10;  // 1xx answers before the final one

}  // namespace

net::Task<Result<void>> Exchange::download() {
  CLV_CO_TRY_VOID(co_await read_final_head());
  if (call_.token) {
    CLV_CO_TRY_VOID(co_await renew_session());
    if (has_another_token_) co_return ok();
  }
  // This is the answer: the request is not sent again, however long it takes from here.
  if (!call_.body || !upload_.is_running()) copy_.let_go();
  CLV_CO_TRY_VOID(write_head());
  CLV_CO_TRY_VOID(co_await stream_body());
  co_return co_await caller_.flush();
}

// Passes interim answers on (RFC 9110 section 15.2), up to the final one.
net::Task<Result<void>> Exchange::read_final_head() {
  for (int interim = 0; interim < kMaxInterim; ++interim) {
    CLV_CO_TRY_VOID(
        co_await upstream_.read_head(call_.head->method, worker_.shared.answer_head, time_for_head()));
    const http::ResponseHead& answer = upstream_.head();
    if (answer.status >= 200) {
      has_answer_ = true;
      call_.first_byte =
          std::chrono::duration_cast<std::chrono::microseconds>(worker_.loop.now() - call_.began);
      lease_.answered(answer.status);
      note_answer(call_, answer, worker_.loop.now(), worker_.loop.wall_now());
      co_return ok();
    }
    if (answer.status == 101)
      co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream switched protocols unasked");
    if (call_.head->minor == 0) continue;
    http::HeadWriter out(caller_.head_room());
    if (!write_interim_head(answer, call_.upstream->resource->answers, out)) continue;
    CLV_CO_TRY_VOID(mask_.mask_head(caller_.head_room().first(out.size())));
    caller_.wrote_interim(out.size());
    interim_relayed_ = true;
    interim_in_line_ = true;
    CLV_CO_TRY_VOID(co_await caller_.flush());
    interim_in_line_ = false;
  }
  co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream sent nothing but interim answers");
}

Result<void> Exchange::write_head() {
  const http::ResponseHead& answer = upstream_.head();
  CLV_TRY_VOID(mask_.check(answer));
  framing_ = answer_framing(*call_.head, answer);
  if (framing_ == AnswerFraming::kUntilClose) caller_.close_after_answer();
  http::HeadWriter out(caller_.head_room());
  if (!write_answer_head(*call_.head, answer, framing_, caller_.keeps_alive() && !upload_.is_running(),
                         call_.id(), call_.upstream->resource->answers, out))
    return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream's answer has too large a head");
  CLV_TRY_VOID(mask_.mask_head(caller_.head_room().first(out.size())));
  if (upload_.is_running()) caller_.close_after_answer();
  caller_.wrote(out.size());
  call_.status = answer.status;
  return ok();
}

net::Task<Result<void>> Exchange::stream_body() {
  for (int reads = 1;;) {
    auto piece = CLV_CO_TRY(upstream_.take_buffered_body());
    if (piece.empty()) {
      if (upstream_.body_is_done()) break;
      // Nothing is held back while we wait, but a last word for a moment: an event goes on when it comes.
      CLV_CO_TRY_VOID(co_await caller_.flush());
      if (reads++ % kReadsBeforeYield == 0) co_await worker_.loop.yield();
      if (mask_.is_waiting()) {
        auto soon =
            co_await upstream_.read_body(AnswerMask::kPause, http::ClientConnection::Limits::kReading);
        if (!soon.has_value() && soon.error().code() == Code::kUpstreamTimeout) {
          const AnswerMask::Released released = CLV_CO_TRY(mask_.settle());
          if (released.size() > 0) CLV_CO_TRY_VOID(co_await write_piece(released));
          continue;
        }
        piece = CLV_CO_TRY(std::move(soon));
      } else {
        piece = CLV_CO_TRY(co_await upstream_.read_body(timeouts_.idle));
      }
      if (piece.empty()) break;
    }
    AnswerMask::Released released{.kept = {}, .piece = piece};
    if (mask_.is_on())
      released = CLV_CO_TRY(mask_.mask_body(upstream_.writable(piece), upstream_.body_is_done()));
    if (released.size() > 0) CLV_CO_TRY_VOID(co_await write_piece(released));
  }
  // What looked like the beginning of an echo, and was none.
  if (mask_.is_on()) {
    const AnswerMask::Released rest = CLV_CO_TRY(mask_.mask_body({}, true));
    if (rest.size() > 0) CLV_CO_TRY_VOID(co_await write_piece(rest));
  }
  if (framing_ == AnswerFraming::kChunked) co_return co_await caller_.write(http::kLastChunk);
  co_return ok();
}

net::Task<Result<void>> Exchange::write_piece(AnswerMask::Released body) {
  call_.bytes_out += body.size();
  if (!body.kept.empty() && !body.piece.empty()) {
    const std::string_view both = upstream_.put_before(body.piece, body.kept);
    if (!both.empty()) body = {.kept = {}, .piece = both};
  }
  const bool chunked = framing_ == AnswerFraming::kChunked;
  if (chunked) {
    std::array<char, http::kChunkHeadSize> size_line;
    CLV_CO_TRY_VOID(
        co_await caller_.write({size_line.data(), http::write_chunk_head(body.size(), size_line)}));
  }
  if (!body.kept.empty()) CLV_CO_TRY_VOID(co_await caller_.write(body.kept));
  if (!body.piece.empty()) CLV_CO_TRY_VOID(co_await caller_.write(body.piece));
  if (!chunked) co_return ok();
  co_return co_await caller_.write(http::kChunkTail);
}

}  // namespace claviger::gateway
