// SPDX-License-Identifier: Apache-2.0
#pragma once

// Internal to net: what asks name servers and the hosts file, and remembers nothing.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "net/loop.h"
#include "net/resolver.h"

namespace claviger::net {

// Those that say more of why a name cannot be resolved come first.
enum class DnsOutcome : std::uint8_t {
  kFound,
  kNoSuchName,  // NXDOMAIN, or no name at all
  kFailed,      // no server had an answer to give
  kTimeout,     // no server answered
  kNoAddress,   // the name is there, without an address of this family
};

struct DnsAnswer {
  DnsOutcome outcome = DnsOutcome::kFailed;
  const char* reason = "";  // in c-ares' words
  // Which name of the search list it is for, the first being 0: the families are asked apart, and addresses of two different
  // names are not those of one host.
  std::size_t place = 0;
  std::vector<base::IpAddress> addresses;  // kFound; kMaxDnsAddresses of each family at most
  std::chrono::seconds ttl{0};
};

inline constexpr std::size_t kMaxDnsAddresses = 8;

class DnsListener {
 public:
  virtual void on_answer(const std::string& name, bool v6, DnsAnswer answer) noexcept = 0;

 protected:
  ~DnsListener() = default;
};

// c-ares in a loop. It reads resolv.conf once for each channel (and has no ares_reinit before 1.22; Debian 12 has 1.18),
// so when the file has changed a new channel takes over, and the old one goes when its questions are answered.
//
// Owns: channels and their sockets. Destroying it answers what is open with kFailed.
// Threads: its loop's.
class DnsClient {
 public:
  static Result<std::unique_ptr<DnsClient>> create(Loop& loop, const ResolverOptions& options,
                                                   DnsListener& listener);
  ~DnsClient();
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;

  // Both families, at once.
  DnsAnswer look_in_hosts_file(const std::string& name);
  // The listener is told once for each question, perhaps before this returns. It may not destroy the client then, nor
  // resume anybody who might.
  void ask(const std::string& name, bool v6);

 private:
  class Channel;
  struct Stamp;
  DnsClient(Loop& loop, const ResolverOptions& options, DnsListener& listener);
  void follow_file();
  void drop(Channel& channel) noexcept;

  Loop& loop_;
  const ResolverOptions options_;
  DnsListener& listener_;
  std::unique_ptr<Stamp> read_;  // what the file looked like when it was read
  Monotonic look_again_{};
  std::unique_ptr<Channel> hosts_;
  std::unique_ptr<Channel> current_;
  std::vector<std::unique_ptr<Channel>> leaving_;  // with open questions
};

}  // namespace claviger::net
