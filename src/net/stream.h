// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "net/source.h"

namespace claviger::net {

struct PeerCertificate;  // net/tls.h
class ServerTls;

inline constexpr std::chrono::milliseconds kBuffersKeptIdle{1000};

// A connected byte stream, plain or TLS. Reading and writing may overlap, one of each at a time.
//
//   auto got = co_await stream.read(buffer);          // Result<size_t>, 0 at the end
//   auto done = co_await stream.write_all(text);      // Result<void>
//
// Errors: kClosed (reset, or a TLS stream cut without close_notify), kTimeout (set_deadline passed while
// waiting), kCancelled (cancel()), kIo.
// Owns: the socket. Destroying a stream closes it at once; nobody may be waiting on it then.
// Threads: its loop's.
class Stream {
 public:
  enum class Io : std::uint8_t { kDone, kWantRead, kWantWrite };

  virtual ~Stream() { Source::retire(std::move(source_)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // One attempt without waiting. kDone: `result` holds bytes moved, or the failure. Of a write, fewer than all
  // may be taken. Requires: the span and text are not empty.
  virtual Io try_read(std::span<char> into, Result<std::size_t>& result) noexcept = 0;
  virtual Io try_write(std::string_view from, Result<std::size_t>& result) noexcept = 0;
  // Whether bytes have been received that try_read has not given out yet.
  virtual bool has_buffered() const noexcept { return false; }
  // Whether the peer has sent nothing that was not read. May ask the kernel, when an edge was seen.
  virtual bool is_quiet() noexcept = 0;
  // Says goodbye in the protocol's way, as far as that goes without waiting: close_notify, and FIN.
  virtual void shutdown_write() noexcept = 0;
  // Gives back memory that an idle stream does not need. Worth it after kBuffersKeptIdle: a busy one would take it again at once.
  virtual void release_buffers() noexcept {}
  virtual bool is_tls() const noexcept { return false; }
  // Whether the TLS handshake was short, by way of an earlier session.
  virtual bool is_resumed() const noexcept { return false; }
  // Of a caller that showed one which is good by `now`; null otherwise. Connections outlive reloads: where `now` asks something
  // else of callers than was asked when hands were shaken, the certificate is verified anew, once. It may have expired since.
  virtual const PeerCertificate* peer_certificate(const ServerTls& /*now*/) noexcept { return nullptr; }
  // Whether it showed any, good or not.
  virtual bool has_shown_certificate() const noexcept { return false; }

  class [[nodiscard]] ReadAwaiter;
  class [[nodiscard]] WriteAwaiter;
  class [[nodiscard]] ReadableAwaiter;
  ReadAwaiter read(std::span<char> into) noexcept;
  WriteAwaiter write_all(std::string_view from) noexcept;
  // Until read() would not wait. Result<void>; needs no buffer meanwhile.
  ReadableAwaiter wait_readable() noexcept;

  void set_deadline(Monotonic at) noexcept { source_->set_deadline(at); }
  void set_deadline_after(std::chrono::milliseconds after) noexcept {
    source_->set_deadline(loop().now() + after);
  }
  void set_read_deadline(Monotonic at) noexcept { source_->set_read_deadline(at); }
  void set_read_deadline_after(std::chrono::milliseconds after) noexcept {
    source_->set_read_deadline(loop().now() + after);
  }
  void set_write_deadline(Monotonic at) noexcept { source_->set_write_deadline(at); }
  void cancel() noexcept { source_->cancel(); }
  void watch_hangup(HangupWatcher* watcher) noexcept { source_->watch_hangup(watcher); }
  // The peer will send no more, or is gone: not fit for a pool.
  bool is_finished() const noexcept { return source_->is_half_closed() || source_->is_broken(); }
  // Makes the close that follows a reset, so that what was cut short cannot look whole.
  void abort_on_close() noexcept;

  Loop& loop() const noexcept { return source_->loop(); }
  Source& source() noexcept { return *source_; }

 protected:
  explicit Stream(std::unique_ptr<Source> source) noexcept : source_(std::move(source)) {}

 private:
  std::unique_ptr<Source> source_;
};

// What the awaiters share: try, wait for the direction that is wanted, try again.
class StreamAwaiter : public Waiter {
 public:
  StreamAwaiter(const StreamAwaiter&) = delete;
  StreamAwaiter& operator=(const StreamAwaiter&) = delete;

  bool await_ready() noexcept { return is_over(); }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    wait();
  }

 protected:
  enum class Role : std::uint8_t { kReader, kWriter };
  StreamAwaiter(Stream& stream, Role role) noexcept : stream_(stream), role_(role) {}
  // A task destroyed while it waits takes its awaiter with it.
  ~StreamAwaiter() {
    if (handle_) stream_.source().forget(*this);
  }

  virtual Stream::Io attempt() noexcept = 0;
  virtual void fail(Error error) noexcept = 0;
  void on_wakeup(Wakeup why) noexcept final;
  bool is_over() noexcept;
  void wait() noexcept;

  Stream& stream_;
  std::coroutine_handle<> handle_;
  Role role_;
  Source::Direction direction_ = Source::Direction::kRead;
};

class Stream::ReadAwaiter final : public StreamAwaiter {
 public:
  ReadAwaiter(Stream& stream, std::span<char> into) noexcept
      : StreamAwaiter(stream, Role::kReader), into_(into) {}
  Result<std::size_t> await_resume() noexcept { return std::move(result_); }

 private:
  Io attempt() noexcept override { return stream_.try_read(into_, result_); }
  void fail(Error error) noexcept override { result_ = std::move(error); }
  std::span<char> into_;
  Result<std::size_t> result_{std::size_t{0}};
};

class Stream::WriteAwaiter final : public StreamAwaiter {
 public:
  WriteAwaiter(Stream& stream, std::string_view from) noexcept
      : StreamAwaiter(stream, Role::kWriter), from_(from) {}
  Result<void> await_resume() noexcept { return std::move(result_); }

 private:
  Io attempt() noexcept override;
  void fail(Error error) noexcept override { result_ = std::move(error); }
  std::string_view from_;
  Result<void> result_;
};

class Stream::ReadableAwaiter final : public StreamAwaiter {
 public:
  explicit ReadableAwaiter(Stream& stream) noexcept : StreamAwaiter(stream, Role::kReader) {}
  Result<void> await_resume() noexcept { return std::move(result_); }

 private:
  Io attempt() noexcept override {
    return stream_.has_buffered() || stream_.source().is_readable() ? Io::kDone : Io::kWantRead;
  }
  void fail(Error error) noexcept override { result_ = std::move(error); }
  Result<void> result_;
};

inline Stream::ReadAwaiter Stream::read(std::span<char> into) noexcept { return {*this, into}; }
inline Stream::WriteAwaiter Stream::write_all(std::string_view from) noexcept { return {*this, from}; }
inline Stream::ReadableAwaiter Stream::wait_readable() noexcept { return ReadableAwaiter(*this); }

// A plain TCP stream over a connected, non-blocking socket, which it takes over.
Result<std::unique_ptr<Stream>> make_tcp_stream(Loop& loop, int fd);
std::unique_ptr<Stream> make_tcp_stream(std::unique_ptr<Source> connected);

}  // namespace claviger::net
