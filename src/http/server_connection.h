// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "http/body.h"
#include "http/head_writer.h"
#include "http/message.h"
#include "http/parser.h"
#include "http/problem.h"
#include "net/buffer.h"
#include "net/endpoint.h"
#include "net/stream.h"
#include "net/task.h"
#include "telemetry/metrics.h"

namespace claviger::http {

struct ServerLimits {
  HeadLimits head;
  std::uint64_t body = std::uint64_t{1} << 30;
  std::chrono::milliseconds head_timeout{std::chrono::seconds(30)};  // from a head's first byte to its last
  std::chrono::milliseconds idle_timeout{
      std::chrono::seconds(75)};  // between requests; before the first, head_timeout if that is less
  // Between two reads of a body; and in which the caller takes 32 KiB of answers, in however many pieces.
  std::chrono::milliseconds body_idle_timeout{std::chrono::seconds(60)};
  // Bytes a second that a caller's body comes in at, at the least, on average over the time that was spent waiting for it; beyond
  // body_idle_timeout, which everybody has. 0: any.
  std::uint64_t body_rate = 100;
  std::uint32_t requests = 10'000;  // of one connection, which is closed after the last answer
};

// Told what becomes of a connection.
class ConnectionWatcher {
 public:
  // Once: the door vouches for whoever is at the other end.
  virtual void on_vouched() noexcept = 0;
  // It begins to wait for a request, each time.
  virtual void on_idle() noexcept = 0;

 protected:
  ~ConnectionWatcher() = default;
};

// One caller's connection: requests in, answers out, one after the other.
//
// Owns: the stream, and what is in use of buffers and heads; an idle connection holds none.
// Threads: its loop's. Secrets: buffers are wiped when given back.
class ServerConnection {
 public:
  // `newest` outlives the connection; what it holds may change: each request takes what is there when it begins.
  ServerConnection(std::unique_ptr<net::Stream> stream, net::Endpoint peer, net::BufferPool& buffers,
                   const std::shared_ptr<const ServerLimits>& newest,
                   telemetry::WorkerMetrics& metrics) noexcept;

  const net::Endpoint& peer() const noexcept { return peer_; }
  // The address as it is recorded: as it is, unless something else was said.
  std::string_view peer_text() const noexcept { return peer_text_; }
  void record_peer_as(std::string text) noexcept { peer_text_ = std::move(text); }
  net::Stream& stream() noexcept { return *stream_; }
  telemetry::WorkerMetrics& metrics() noexcept { return metrics_; }
  bool is_tls() const noexcept { return stream_->is_tls(); }

  // --- The request ---

  // Waits for the next one. False: the caller left between requests, was idle for too long, or stop_when_idle()
  // was called. kBadRequest, kHeadTooLarge or kTooLarge when it cannot be served (answer it, then close); kTimeout when it came too slowly;
  // other errors: the connection is gone.
  net::Task<Result<bool>> read_head();
  // Requires: read_head() said true, or kTooLarge. Until finish_request().
  const RequestHead& head() const noexcept { return *head_; }

  // The next piece of the body, empty at its end; a view that holds until the next call. kBadRequest, kTooLarge, kTimeout, kClosed.
  net::Task<Result<std::string_view>> read_body();
  // What of the body has been received already, taken without waiting: empty when nothing is there. Same errors.
  Result<std::string_view> take_buffered_body();
  bool body_is_done() const noexcept { return body_.is_done(); }
  std::uint64_t body_bytes() const noexcept { return body_.total(); }

  // --- The answer ---

  // Puts bytes of the answer in line; they leave when the buffer is full or with flush().
  net::Task<Result<void>> write(std::string_view text);
  bool try_write(std::string_view text);  // write() without a task, when it fits; false: nothing was taken
  net::Task<Result<void>> flush();
  // Room for a head, put together in place: give the writer's size to wrote(). Empty while
  // something is in line: a head never follows that.
  std::span<char> head_room();
  void wrote(std::size_t size) noexcept {
    out_.added(size);
    answer_began_ = true;
  }
  void wrote_interim(std::size_t size) noexcept { out_.added(size); }
  bool answer_began() const noexcept { return answer_began_; }

  // Ends a read_body() that waits, with kCancelled.
  void interrupt_body() noexcept { stream_->source().interrupt_reader(); }

  // Whether the connection may serve another request after this answer. Once false it stays so.
  bool keeps_alive() const noexcept { return keep_alive_; }
  void close_after_answer() noexcept { keep_alive_ = false; }
  // The answer is whole. Reads away a small rest of the request's body, so that the next request can be read;
  // a large one costs the connection. False: close now, gracefully.
  net::Task<bool> finish_request();
  // Lets the caller read what was sent before the connection goes: half-closes, then reads until the caller
  // closes, 2 s and 1 MiB at the most (RFC 9112 section 9.6).
  net::Task<void> close_gracefully();
  // The answer was cut short: reset, so that it cannot look whole.
  void abort() noexcept;
  bool is_aborted() const noexcept { return aborted_; }

  // Whoever is at the other end has shown who they are.
  void vouch() noexcept {
    if (!std::exchange(is_vouched_for_, true) && watcher_ != nullptr) watcher_->on_vouched();
  }
  void watch(ConnectionWatcher* watcher) noexcept { watcher_ = watcher; }

  // Between requests, or before the first.
  bool is_idle() const noexcept { return idle_; }
  // Closes the connection as soon as no request is in flight (drain). Whoever has only just come has a second for a first one, and
  // what lies unread is answered still.
  void stop_when_idle() noexcept;
  // Ends whatever it waits for, at once.
  void cancel() noexcept { stream_->cancel(); }

 private:
  net::Task<Result<bool>> wait_for_first_byte();
  Result<std::string_view> take_piece();
  net::Task<Result<std::size_t>> wait_for_body();
  std::chrono::milliseconds body_earned() const noexcept;
  Monotonic start_sending(std::size_t size) noexcept;
  Result<void> done_sending(Result<void> outcome, Monotonic began, std::size_t size) noexcept;
  Error too_slow(Error error, telemetry::Counter limit) noexcept;
  Result<void> check_body_limit();

  std::unique_ptr<net::Stream> stream_;
  net::Endpoint peer_;
  std::string peer_text_;
  const std::shared_ptr<const ServerLimits>& newest_;
  std::shared_ptr<const ServerLimits> limits_;
  ConnectionWatcher* watcher_ = nullptr;
  telemetry::WorkerMetrics& metrics_;
  net::Buffer head_buffer_;  // what head_'s views point into, while a body is read
  net::Buffer in_;
  net::Buffer out_;
  HeadScanner scanner_;
  net::Lent<RequestHead> head_;
  BodyReader body_;
  std::chrono::milliseconds body_wait_{};  // for the next piece of the body
  bool is_lingering_ = false;  // the answer is whole, and what is left of the body is read away
  Monotonic::duration body_waited_{};  // for all of it so far
  Monotonic::duration send_waited_{};  // for the caller to take what was sent, since it has taken kBufferSize
  std::size_t sent_ = 0;  // of that
  std::uint32_t requests_ = 0;
  bool head_in_input_ = false;  // head_ still points into in_
  bool idle_ = true;
  bool is_new_ = true;  // no request yet
  bool is_vouched_for_ = false;
  bool stopping_ = false;
  bool keep_alive_ = true;
  bool answer_began_ = false;
  bool aborted_ = false;
};

}  // namespace claviger::http
