// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include "base/ip.h"

namespace claviger::server {

// Who gets a connection: those of callers that somebody has vouched for (http::ServerConnection::vouch()) are counted here over
// all loops, and by address. Asked at accept, told when one is vouched for and when it closes; requests do not come here.
//
// *Strangers*, whom nobody has vouched for yet, are counted by each loop for itself (server/connections.h) against a share of its
// own: a loop can only turn out its own, and whoever gathers strangers on one loop is to take nothing from the others.
//
// Memory: an entry for each address that has a known connection open, in order of addresses: nobody can aim at a bucket.
// Threads: any.
class Admission {
 public:
  struct Most {
    std::size_t known;
    std::size_t known_of_address = SIZE_MAX;  // of IPv6, of one /64: whoever has one has all of its addresses
    std::size_t strangers = SIZE_MAX;  // on one loop, however many are known
    std::size_t strangers_of_address = SIZE_MAX;  // likewise
    std::size_t loops = 1;
  };
  // Of a gateway's callers: `connections` known ones and half as many strangers, together no more than three quarters of the
  // descriptors that calls may have, since upstreams need some: who only connects cannot make them run short. Each loop has its
  // part of the strangers, 16 at least where descriptors allow it.
  static Most of_callers(std::size_t connections, std::size_t per_address, std::size_t loops) noexcept;
  // Of the admin listener's, which has one loop and the descriptors that calls may not have.
  static Most of_admins(std::size_t connections) noexcept;
  explicit Admission(Most most) noexcept { use(most); }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // From the next connection on; nobody is turned out.
  void use(Most most) noexcept;

  enum class Verdict : std::uint8_t { kAdmitted, kFull, kFullOfAddress };
  // Whether there is room for another known one. Nothing is counted: who shakes hands may yet be vouched for beyond what there may
  // be, but no more of them than there may be strangers.
  Verdict ask(const base::IpAddress& address) const;
  // On one loop: its share, or its part of the places that no known one has, if that is more.
  std::size_t most_strangers() const noexcept;
  std::size_t most_strangers_of_address() const noexcept {
    return most_strangers_of_address_.load(std::memory_order_relaxed);
  }

  // Each connection: opened(), perhaps vouched(), let_go().
  void opened() noexcept { open_.fetch_add(1, std::memory_order_relaxed); }
  // Other than kAdmitted: counted all the same, and now there is one too many.
  Verdict vouched(const base::IpAddress& address);
  void let_go(const base::IpAddress& address, bool is_stranger) noexcept;

  std::size_t open() const noexcept { return open_.load(std::memory_order_relaxed); }  // strangers included

  using Key = std::array<std::uint8_t, 9>;  // the family, and the address or its /64
  static Key key_of(const base::IpAddress& address) noexcept;

 private:
  Verdict judge(std::size_t known, std::size_t of_address) const noexcept;

  std::atomic<std::size_t> most_known_;
  std::atomic<std::size_t> most_known_of_address_;
  std::atomic<std::size_t> most_strangers_;
  std::atomic<std::size_t> most_strangers_of_address_;
  std::atomic<std::size_t> loops_;
  std::atomic<std::size_t> open_{0};
  mutable std::mutex mutex_;
  std::atomic<std::size_t> known_{0};  // written under the lock
  std::map<Key, std::size_t> addresses_;  // of the known
};

}  // namespace claviger::server
