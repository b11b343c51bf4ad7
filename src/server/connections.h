// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>

#include "http/serve.h"
#include "net/buffer.h"
#include "net/listener.h"
#include "net/tls.h"
#include "server/admission.h"
#include "telemetry/metrics.h"

namespace claviger::server {

// The connections of one loop: accepts them, shakes hands, has a door serve them, and lets them go.
//
// A connection is a *stranger's* until the door has vouched for a caller on it. Each loop has a share of strangers, in all and of
// one address, and counts its own: over it the oldest of them (of that address) goes, shaking hands or not. So whoever only holds
// connections open locks nobody out, on no loop, however the kernel spreads them, and nobody who was let in pays.
//
// Known ones count for the process. Where there is one too many (of an address), the one of this loop that has been idle for
// longest goes, when the new one is vouched for and no sooner: strangers never cost a known one. Where none of this loop is idle, the
// new one is refused at accept: calls are never cut.
//
// Owns: the acceptor and every connection. Threads: its loop's.
class Connections {
 public:
  // Who may have to go when there is no room for another.
  enum class Yields : std::uint8_t { kNobody, kStrangersAndIdle };
  struct Options {
    std::shared_ptr<const http::ServerLimits> limits;
    Admission& admission;  // shared by all loops; outlives this
    Yields yields = Yields::kNobody;
    std::function<std::string(const base::IpAddress&)> recorded_address{};  // null: addresses as they are
  };
  Connections(net::Loop& loop, net::BufferPool& buffers, telemetry::WorkerMetrics& metrics,
              http::Handler& door, Options options);
  ~Connections();

  // Takes over the listening socket. `tls` null: plain.
  Result<void> listen(int listening_fd, std::shared_ptr<const net::ServerTls> tls);
  // For handshakes from now on.
  void use(std::shared_ptr<const net::ServerTls> tls) { tls_ = std::move(tls); }
  // For requests from now on, of connections that are open, too.
  void use(std::shared_ptr<const http::ServerLimits> limits) { limits_ = std::move(limits); }

  // While the process runs short (server/overload.h): new connections wait in the kernel, and strangers are let go.
  void pause();
  void resume();

  // No new connections, but for those that the kernel has let in (net::Acceptor::finish()); idle ones close now, busy ones after
  // their answer. Calls `drained` when none is left. Once, and after listen().
  void drain(std::function<void()> drained);
  // Ends what is left, at once.
  void cancel_all() noexcept;
  std::size_t size() const noexcept { return open_; }  // for tests

 private:
  class Entry;
  // A ring of entries, oldest first (known: longest idle first); the links of all that is in one, and of its anchor.
  struct Link {
    Link() noexcept = default;
    ~Link() { unlink(); }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    bool is_alone() const noexcept { return next == this; }
    void unlink() noexcept;
    void link_before(Link& other) noexcept;
    Link* previous = this;
    Link* next = this;
  };
  struct Strangers {
    Link ring;
    std::size_t count = 0;
  };

  void on_accept(int fd, const net::Endpoint& peer);
  bool may_come_in(const base::IpAddress& address);
  bool has_room_for_known(const base::IpAddress& address);
  bool has_room_for_stranger(const base::IpAddress& address);
  void turn_out(Entry& entry) noexcept;
  Entry* find_idle(Admission::Verdict why, const base::IpAddress& address) noexcept;
  net::Task<void> serve(int fd, net::Endpoint peer);
  net::Task<Result<std::unique_ptr<net::Stream>>> open_stream(int fd);
  void closed();
  void tell_if_drained();
  template <class Do>
  void for_each(Do&& act);

  net::Loop& loop_;
  net::Timer late_;
  net::BufferPool& buffers_;
  telemetry::WorkerMetrics& metrics_;
  http::Handler& door_;
  std::shared_ptr<const http::ServerLimits> limits_;
  Admission& admission_;
  Yields yields_;
  std::function<std::string(const base::IpAddress&)> recorded_address_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::shared_ptr<const net::ServerTls> tls_;
  Strangers strangers_;
  std::map<Admission::Key, Strangers> strangers_of_;  // the same, by address
  Link known_, leaving_;
  std::size_t open_ = 0;  // those that still shake hands included
  bool draining_ = false;
  std::function<void()> drained_;
};

}  // namespace claviger::server
