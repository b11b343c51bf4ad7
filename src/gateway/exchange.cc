// SPDX-License-Identifier: Apache-2.0
#include "gateway/exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/outgoing_head.h"
#include "http/body.h"

namespace claviger::gateway {
namespace {

using telemetry::Counter;

constexpr int kMaxInterim = 10;       // 1xx answers before the final one
constexpr int kReadsBeforeYield = 16; // of a body that never makes us wait: others get their turn

}  // namespace

// --- The whole -----------------------------------------------------------------------------------

net::Task<Result<void>> Exchange::run() {
  upstream_.begin();
  caller_.stream().watch_hangup(this);
  interruption_.waits_in(this);
  auto outcome = co_await send_head();
  if (outcome.has_value()) {
    if (!request_sent_) upload_.start(upload());
    outcome = co_await download();
    co_await end_upload();
  }
  interruption_.waits_in(nullptr);
  caller_.stream().watch_hangup(nullptr);
  call_.bytes_in = caller_.body_bytes();
  reusable_ = upstream_.finish(request_sent_ && outcome.has_value());
  // Where the caller broke off or sent nonsense, the upstream's complaint about it is not the cause.
  if (!outcome.has_value() && upload_error_) co_return *std::move(upload_error_);
  co_return outcome;
}

void Exchange::on_hangup() noexcept {
  caller_gone_ = true;
  upstream_.stream().cancel();
}

// Whoever is woken first may run the whole call to its end, and take this object and both streams along; their sources stay
// to the end of the loop's turn.
void Exchange::interrupt(Interrupted why) noexcept {
  net::Source& upstream = upstream_.stream().source();
  net::Source& caller = caller_.stream().source();
  const bool saw_nothing = !caller_.answer_began() && !interim_in_line_;
  if (why == Interrupted::kOutOfTime && saw_nothing) return upstream.cancel();  // the caller gets an answer
  caller_.abort();
  upstream.cancel();
  caller.cancel();
}

// --- Up ------------------------------------------------------------------------------------------

net::Task<Result<void>> Exchange::send_head() {
  SecretScratch scratch = worker_.scratch.take();
  if (!scratch)
    co_return Error(Code::kUnavailable, Blame::kOperator,
                    "the memory for secrets is used up (raise RLIMIT_MEMLOCK)");
  const std::span<char> room = scratch.room();
  http::HeadWriter head(room);
  scratch.will_use(room.size());
  auto written = write_outgoing_head(call_, lease_.authority(), worker_.opener, head);
  scratch.will_use(head.size());
  // What does not fit was opened all the same.
  if (written.has_value() || written.error().code() == Code::kHeadTooLarge) {
    ++call_.credential_opened;
    worker_.metrics.add(Counter::kCredentialsOpened);
  }
  if (!written.has_value()) co_return written;
  const std::size_t head_size = head.size();
  append_early_body(head);
  scratch.will_use(head.size());
  std::string_view text = head.text();
  Result<std::size_t> sent{std::size_t{0}};
  if (upstream_.stream().try_write(text, sent) == net::Stream::Io::kDone) {
    if (!sent.has_value()) {
      // It was dead before: of TLS, too, nobody can read a record that did not leave whole.
      nothing_sent_ = hold(text, head_size);
      co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream had closed the connection");
    }
    text.remove_prefix(*sent);
  }
  if (text.empty()) co_return ok();
  co_return co_await upstream_.send(text, timeouts_.idle);
}

// Keeps the body behind the head. False where there is more of it than a buffer takes, or than would go behind the head
// for an endpoint with a longer name.
bool Exchange::hold(std::string_view text, std::size_t head_size) {
  constexpr std::size_t kLongestName = 512;
  const std::string_view body = text.substr(head_size);
  held_.bytes.release();
  held_.is_held =
      body.empty() || (text.size() + kLongestName <= SecretScratchPool::kSize && held_.bytes.append(body));
  held_.pending = pending_;
  held_.is_whole = request_sent_;
  return held_.is_held;
}

// What of the body came with the head goes with the head: most requests are one packet. What does not fit waits
// in pending_.
void Exchange::append_early_body(http::HeadWriter& out) {
  if (held_.is_held) {
    out.append(held_.bytes.filled());
    pending_ = held_.pending;
    request_sent_ = held_.is_whole;
    return;
  }
  const bool chunked = call_.head->framing == http::Framing::kChunked;
  constexpr std::size_t kFraming = http::kChunkHeadSize + http::kChunkTail.size() + http::kLastChunk.size();
  for (;;) {
    const auto piece = caller_.take_buffered_body();
    if (!piece.has_value()) {
      upload_error_ = piece.error();
      break;
    }
    if (piece->empty()) break;
    if (out.size() + piece->size() + kFraming > SecretScratchPool::kSize) {
      pending_ = *piece;
      break;
    }
    std::array<char, http::kChunkHeadSize> size_line;
    if (chunked) out.append({size_line.data(), http::write_chunk_head(piece->size(), size_line)});
    out.append(*piece);
    if (chunked) out.append(http::kChunkTail);
  }
  request_sent_ = caller_.body_is_done() && pending_.empty() && !upload_error_;
  if (request_sent_ && chunked) out.append(http::kLastChunk);
}

net::Task<Result<void>> Exchange::send_piece(std::string_view piece) {
  if (call_.head->framing != http::Framing::kChunked)
    co_return co_await upstream_.send(piece, timeouts_.idle);
  std::array<char, http::kChunkHeadSize> size_line;
  net::Buffer framed(worker_.buffers);
  framed.append({size_line.data(), http::write_chunk_head(piece.size(), size_line)});
  if (!framed.append(piece)) {
    CLV_CO_TRY_VOID(co_await upstream_.send(framed.filled(), timeouts_.idle));
    framed.release();
    CLV_CO_TRY_VOID(co_await upstream_.send(piece, timeouts_.idle));
  }
  if (!framed.append(http::kChunkTail)) {
    CLV_CO_TRY_VOID(co_await upstream_.send(framed.filled(), timeouts_.idle));
    framed.release();
    framed.append(http::kChunkTail);
  }
  co_return co_await upstream_.send(framed.filled(), timeouts_.idle);
}

net::Task<void> Exchange::upload() {
  std::string_view piece = std::exchange(pending_, {});
  for (int reads = 1; !upload_error_; ++reads) {
    if (!piece.empty()) {
      // An upstream that stops reading may have answered already: the answer tells.
      if (const auto sent = co_await send_piece(piece); !sent.has_value()) co_return;
    }
    if (caller_.body_is_done()) break;
    if (reads % kReadsBeforeYield == 0) co_await worker_.loop.yield();
    if (ending_) co_return;  // end_upload() came while we gave way
    reads_body_ = true;
    if (waits_for_caller()) upstream_.stream().set_deadline(net::Deadline::kNever);
    auto next = co_await caller_.read_body();
    reads_body_ = false;
    if (!next.has_value()) upload_error_ = std::move(next).error();
    else piece = *next;
  }
  if (upload_error_) {
    // The upstream must not take what it got for the whole; and waiting for its answer is over.
    upstream_.stream().cancel();
    co_return;
  }
  if (call_.head->framing == http::Framing::kChunked) {
    if (const auto sent = co_await upstream_.send(http::kLastChunk, timeouts_.idle); !sent.has_value())
      co_return;
  }
  request_sent_ = true;
  upstream_.stream().set_deadline_after(has_answer_ ? timeouts_.idle : timeouts_.first_byte);
}

// The time that a caller takes is not the upstream's; unless the caller waits for the upstream's leave to go on.
bool Exchange::waits_for_caller() const noexcept {
  const bool wants_leave = call_.head->expects_continue && !interim_relayed_ && caller_.body_bytes() == 0;
  return reads_body_ && !has_answer_ && !wants_leave;
}

// Until the whole request was sent, its upload minds the time.
std::chrono::milliseconds Exchange::time_for_head() const noexcept {
  if (waits_for_caller()) return timeouts_.total;
  return upload_.is_running() ? std::max(timeouts_.idle, timeouts_.first_byte) : timeouts_.first_byte;
}

// The answer is there, or will not come: a body that nobody reads any more is not worth waiting for.
net::Task<void> Exchange::end_upload() {
  if (!upload_.is_running()) co_return;
  ending_ = true;
  const bool failed_by_itself = upload_error_.has_value();
  caller_.close_after_answer();
  upstream_.stream().cancel();
  if (upload_.is_running()) caller_.interrupt_body();
  co_await upload_.join();
  if (!failed_by_itself) upload_error_.reset();  // what ended it then was our own interruption
}

// --- Down ----------------------------------------------------------------------------------------

net::Task<Result<void>> Exchange::download() {
  CLV_CO_TRY_VOID(co_await read_final_head());
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
      co_return ok();
    }
    if (answer.status == 101)
      co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream switched protocols unasked");
    if (call_.head->minor == 0) continue;
    http::HeadWriter out(caller_.head_room());
    if (!write_interim_head(answer, out)) continue;
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
  framing_ = answer_framing(*call_.head, answer);
  if (framing_ == AnswerFraming::kUntilClose) caller_.close_after_answer();
  http::HeadWriter out(caller_.head_room());
  if (!write_answer_head(*call_.head, answer, framing_, caller_.keeps_alive() && !upload_.is_running(),
                         call_.id(), out))
    return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream's answer has too large a head");
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
      // Nothing is held back while we wait: an event goes on the moment it comes.
      CLV_CO_TRY_VOID(co_await caller_.flush());
      if (reads++ % kReadsBeforeYield == 0) co_await worker_.loop.yield();
      piece = CLV_CO_TRY(co_await upstream_.read_body(timeouts_.idle));
      if (piece.empty()) break;
    }
    call_.bytes_out += piece.size();
    CLV_CO_TRY_VOID(co_await write_piece(piece));
  }
  if (framing_ == AnswerFraming::kChunked) co_return co_await caller_.write(http::kLastChunk);
  co_return ok();
}

net::Task<Result<void>> Exchange::write_piece(std::string_view piece) {
  if (framing_ != AnswerFraming::kChunked) co_return co_await caller_.write(piece);
  std::array<char, http::kChunkHeadSize> size_line;
  CLV_CO_TRY_VOID(
      co_await caller_.write({size_line.data(), http::write_chunk_head(piece.size(), size_line)}));
  CLV_CO_TRY_VOID(co_await caller_.write(piece));
  co_return co_await caller_.write(http::kChunkTail);
}

}  // namespace claviger::gateway
