// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/loop.h"
#include "net/resolver.h"

namespace claviger::net::testing {

// A name server on loopback (UDP), in the test's own loop.
class FakeDns final : public EventHandler {
 public:
  enum class Rcode : std::uint8_t { kNoError = 0, kServerFailure = 2, kNoSuchName = 3, kRefused = 5 };
  struct Reply {
    std::vector<std::string> addresses;
    std::uint32_t ttl = 60;
    Rcode rcode = Rcode::kNoError;
    bool silent = false;  // until release()
  };

  // `port` 0: any.
  explicit FakeDns(Loop& loop, const std::string& address = "127.0.0.1", std::uint16_t port = 0);
  ~FakeDns() override;
  FakeDns(const FakeDns&) = delete;
  FakeDns& operator=(const FakeDns&) = delete;

  // What is not set does not exist (kNoSuchName).
  void set(const std::string& name, bool v6, Reply reply) { replies_[{name, v6}] = std::move(reply); }
  void set_both(const std::string& name, const Reply& reply) {
    set(name, false, reply);
    set(name, true, reply);
  }
  // Answers what was met with silence, as it would be answered now.
  void release();

  int asked(const std::string& name, bool v6) const {
    const auto found = asked_.find({name, v6});
    return found != asked_.end() ? found->second : 0;
  }
  std::uint16_t port() const noexcept { return port_; }

 private:
  struct Question {
    std::string packet;  // as far as it was understood: head and question
    std::string name;
    bool v6 = false;
    sockaddr_in from{};
  };
  using Key = std::pair<std::string, bool>;
  void on_events(Events events) noexcept override;
  void take(std::string_view packet, const sockaddr_in& from);
  void answer(const Question& question, const Reply& reply) const;

  Loop& loop_;
  int fd_;
  std::uint16_t port_ = 0;
  std::map<Key, Reply> replies_;
  std::map<Key, int> asked_;
  std::vector<Question> held_;
};

// A resolv.conf that goes when the test does.
class ResolvConf {
 public:
  explicit ResolvConf(const std::string& server = "127.0.0.1");
  ~ResolvConf();
  ResolvConf(const ResolvConf&) = delete;
  ResolvConf& operator=(const ResolvConf&) = delete;
  // By a new file in its place, as resolvconf and its like do.
  void replace(const std::string& server);
  // To be answered by `dns`, in two tries.
  ResolverOptions options(const FakeDns& dns,
                          std::chrono::milliseconds try_timeout = std::chrono::milliseconds(100)) const;

 private:
  std::string path_ = "/tmp/claviger-resolv-XXXXXX";
};

}  // namespace claviger::net::testing
