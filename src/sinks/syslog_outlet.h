// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "net/loop.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "sinks/outlet.h"
#include "sinks/peer.h"
#include "sinks/syslog_message.h"

namespace claviger::sinks {

// Sends to a syslog server over one connection, TLS (RFC 5425) but on loopback.
//
// Syslog has no acknowledgement. A batch counts as delivered when the peer's TCP has it, and is held in doubt for 5 s more: where
// the connection ends within these, it is sent again. What a server took into its memory longer ago and lost there,
// nobody can tell.
// Threads: the loop's, which outlives it, as the resolver does.
class SyslogOutlet final : public Outlet {
 public:
  SyslogOutlet(net::Loop& loop, net::Resolver& resolver, Peer peer, SyslogWriter writer);

  void write_event(std::string& out, std::uint64_t number, std::string_view line) const override {
    writer_.write_event(out, number, line);
  }
  void write_checkpoint(std::string& out, const audit::SignedCheckpoint& checkpoint) const override {
    writer_.write_checkpoint(out, checkpoint);
  }
  net::Task<Result<void>> deliver(std::string_view records) override;
  std::chrono::milliseconds doubt() const noexcept override { return std::chrono::seconds(5); }
  Result<void> still_good() override;

 private:
  net::Task<Result<void>> send(std::string_view records);
  net::Task<Result<void>> wait_until_taken(Monotonic latest);

  net::Loop& loop_;
  net::Resolver& resolver_;
  const Peer peer_;
  const SyslogWriter writer_;
  std::unique_ptr<net::Stream> stream_;  // null: none
  Monotonic taken_at_{};  // when it last took something
};

}  // namespace claviger::sinks
