// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "http/body.h"
#include "http/message.h"
#include "http/parser.h"
#include "net/buffer.h"
#include "net/stream.h"
#include "net/task.h"

namespace claviger::http {

// One connection to an upstream: a request out, its answer in, and again if all went well.
//
// Owns: the stream, and while an answer is read a buffer and its head.
// Threads: its loop's. Secrets: the buffer is wiped when given back.
class ClientConnection {
 public:
  ClientConnection(std::unique_ptr<net::Stream> stream, net::BufferPool& buffers) noexcept
      : stream_(std::move(stream)), in_(buffers), head_(buffers) {}

  net::Stream& stream() noexcept { return *stream_; }

  // A new exchange: nothing of its answer has come.
  void begin() noexcept { answer_began_ = false; }
  // kUpstreamFailed when the peer closes or resets, kUpstreamTimeout, kCancelled.
  net::Task<Result<void>> send(std::string_view bytes, std::chrono::milliseconds limit);

  // Reads the next head (interim ones included: look at status). `limit` is for all of it. head()'s views hold until
  // the next read, itself until finish(). answer_began() tells whether a byte of it came.
  net::Task<Result<void>> read_head(Method request_method, const HeadLimits& limits,
                                    std::chrono::milliseconds limit);
  // The same past interim ones, of which there may be a few; no upgrade is one. For requests of the gateway's own.
  net::Task<Result<void>> read_final_head(Method request_method, HeadLimits limits, Monotonic latest);
  const ResponseHead& head() const noexcept { return *head_; }
  bool answer_began() const noexcept { return answer_began_; }

  // Whose time a limit is: that of whoever sends meanwhile as well, or the reader's alone.
  enum class Limits : std::uint8_t { kBoth, kReading };
  // Requires: read_head() gave a final head. The next piece of the body, a view that holds until the next call;
  // empty at the end. After kUpstreamTimeout it may be asked for again.
  net::Task<Result<std::string_view>> read_body(std::chrono::milliseconds limit,
                                                Limits whose = Limits::kBoth);
  // The same without waiting: empty when nothing is buffered.
  Result<std::string_view> take_buffered_body();
  bool body_is_done() const noexcept { return body_.is_done(); }
  // Copies all of the body into `out`, of which nothing has been taken yet, and nothing is by this: once it has come, where that is at
  // most `most` bytes. False where it is longer. head()'s views go on to hold. `limit` is for each read.
  // Requires: most < net::kBufferSize; `out` is empty, and outlives the task.
  net::Task<Result<bool>> peek_body(net::Buffer& out, std::size_t most, std::chrono::milliseconds limit);
  // The last such piece, to be changed where it lies.
  std::span<char> writable(std::string_view piece) noexcept {
    return {const_cast<char*>(piece.data()), piece.size()};  // of our own buffer
  }

  // The last such piece with `text` right in front of it, in one: in place of what has been taken of the answer before, so that nothing is
  // sent by itself that could go with the piece. Empty where there is no room for it. Requires: `text` was part of such a piece.
  std::string_view put_before(std::string_view piece, std::string_view text) noexcept;

  // Until then, as a limit for the above; a millisecond at least, so that it is they who say that it is too late.
  std::chrono::milliseconds left_until(Monotonic latest) const noexcept;

  // The exchange is over. True when the connection may carry another: the answer was whole, the peer agreed,
  // and not one byte more has come.
  bool finish(bool request_was_sent) noexcept;
  // Of a pooled connection: still open, and nothing has come unasked.
  bool is_fresh() noexcept { return !stream_->is_finished() && stream_->is_quiet(); }

 private:
  Result<std::string_view> take_piece();
  [[gnu::cold]] Error refused(Error error) noexcept;

  std::unique_ptr<net::Stream> stream_;
  net::Buffer in_;
  HeadScanner scanner_;
  net::Lent<ResponseHead> head_;
  BodyReader body_;
  bool keep_alive_ = false;
  bool answer_began_ = false;
};

}  // namespace claviger::http
