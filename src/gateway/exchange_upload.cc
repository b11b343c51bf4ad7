// SPDX-License-Identifier: Apache-2.0
// The request on its way up: head, credential and body.
#include <algorithm>
#include <array>
#include <utility>

#include "gateway/exchange.h"
#include "gateway/outgoing_head.h"
#include "http/body.h"

namespace claviger::gateway {

net::Task<Result<void>> Exchange::send_head() {
  SecretScratch scratch = worker_.scratch.take();
  if (!scratch)
    co_return Error(Code::kUnavailable, Blame::kOperator,
                    "the memory for secrets is used up (raise RLIMIT_MEMLOCK)");
  const std::span<char> room = scratch.room();
  http::HeadWriter head(room);
  scratch.will_use(room.size());
  auto written = write_outgoing_head(call_, lease_.authority(), worker_.opener, head, &coder_);
  scratch.will_use(head.size());
  // What does not fit was opened all the same.
  if (written.has_value() || written.error().code() == Code::kHeadTooLarge) {
    ++call_.credential_opened;
    worker_.metrics.add(telemetry::Counter::kCredentialsOpened);
  }
  if (!written.has_value()) co_return written;
  const std::size_t head_size = head.size();
  if (!coder_) append_early_body(head);
  scratch.will_use(head.size());
  std::string_view text = head.text();
  Result<std::size_t> sent{std::size_t{0}};
  if (upstream_.stream().try_write(text, sent) == net::Stream::Io::kDone) {
    if (!sent.has_value()) {
      // It was dead before: of TLS, too, nobody can read a record that did not leave whole.
      nothing_sent_ = copy_.is_whole() || hold(text, head_size);
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
  if (copy_.is_whole()) return append_copy(out);
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
    copy_.add(*piece);
    if (out.size() + piece->size() + kFraming > SecretScratchPool::kSize) {
      pending_ = *piece;
      break;
    }
    std::array<char, http::kChunkHeadSize> size_line;
    if (chunked) out.append({size_line.data(), http::write_chunk_head(piece->size(), size_line)});
    out.append(*piece);
    if (chunked) out.append(http::kChunkTail);
  }
  if (caller_.body_is_done() && !upload_error_) copy_.end();
  request_sent_ = caller_.body_is_done() && pending_.empty() && !upload_error_;
  if (request_sent_ && chunked) out.append(http::kLastChunk);
}

// A body that is held whole goes out with its length, whatever framing it came in.
void Exchange::append_copy(http::HeadWriter& out) {
  const auto pieces = copy_.pieces();
  while (copied_ < pieces.size() && out.size() + pieces[copied_].filled().size() <= SecretScratchPool::kSize)
    out.append(pieces[copied_++].filled());
  request_sent_ = copied_ == pieces.size();
}

net::Task<void> Exchange::upload_copy() {
  for (const net::Buffer& piece : copy_.pieces().subspan(copied_))
    if (const auto sent = co_await upstream_.send(piece.filled(), timeouts_.idle); !sent.has_value())
      co_return;
  request_sent_ = true;
  upstream_.stream().set_deadline_after(has_answer_ ? timeouts_.idle : timeouts_.first_byte);
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

// In the form that the credential makes of it.
net::Task<Result<void>> Exchange::send_coded(std::string_view piece) {
  while (!piece.empty()) {
    const auto text = coder_->take(piece);
    if (!text.has_value()) {
      upload_error_ = text.error();
      break;
    }
    if (!text->empty()) CLV_CO_TRY_VOID(co_await upstream_.send(*text, timeouts_.idle));
  }
  co_return ok();
}

net::Task<void> Exchange::upload() {
  std::string_view piece = std::exchange(pending_, {});
  for (int reads = 1; !upload_error_; ++reads) {
    if (!piece.empty()) {
      // An upstream that stops reading may have answered already: the answer tells.
      const auto sent = co_await (coder_ ? send_coded(piece) : send_piece(piece));
      if (!sent.has_value()) co_return;
    }
    if (upload_error_ || caller_.body_is_done()) break;
    if (reads % kReadsBeforeYield == 0) co_await worker_.loop.yield();
    if (ending_) co_return;  // end_upload() came while we gave way
    reads_body_ = true;
    if (waits_for_caller()) upstream_.stream().set_deadline(net::Deadline::kNever);
    auto next = co_await caller_.read_body();
    reads_body_ = false;
    if (!next.has_value()) {
      upload_error_ = std::move(next).error();
    } else {
      piece = *next;
      copy_.add(piece);
    }
  }
  std::string_view end =
      call_.head->framing == http::Framing::kChunked ? http::kLastChunk : std::string_view();
  if (coder_ && !upload_error_) {
    auto coded = coder_->finish();
    if (coded.has_value()) end = *coded;
    else upload_error_ = std::move(coded).error();
  }
  if (upload_error_) {
    // The upstream must not take what it got for the whole; and waiting for its answer is over.
    upstream_.stream().cancel();
    co_return;
  }
  if (!end.empty()) {
    if (const auto sent = co_await upstream_.send(end, timeouts_.idle); !sent.has_value()) co_return;
  }
  copy_.end();
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

}  // namespace claviger::gateway
