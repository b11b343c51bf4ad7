// SPDX-License-Identifier: Apache-2.0
#include "net/testing/fake_dns.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/check.h"
#include "net/endpoint.h"

namespace claviger::net::testing {
namespace {

constexpr std::size_t kHead = 12;
constexpr unsigned kTypeAaaa = 28;

void append_16(std::string& to, std::size_t number) {
  to.push_back(static_cast<char>(number >> 8 & 0xff));
  to.push_back(static_cast<char>(number & 0xff));
}

void append_address(std::string& to, const std::string& text, bool v6, std::uint32_t ttl) {
  append_16(to, 0xc00c);  // the name of the question
  append_16(to, v6 ? kTypeAaaa : 1);
  append_16(to, 1);
  append_16(to, ttl >> 16);
  append_16(to, ttl & 0xffff);
  const std::size_t size = v6 ? 16 : 4;
  append_16(to, size);
  const auto address = *base::parse_ip(text);
  to.append(reinterpret_cast<const char*>(address.bytes.data()), size);
}

}  // namespace

FakeDns::FakeDns(Loop& loop, const std::string& address, std::uint16_t port)
    : loop_(loop), fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  const SocketAddress to = to_socket_address({*base::parse_ip(address), port});
  CLV_CHECK(fd_ >= 0 && ::bind(fd_, to.get(), to.size) == 0);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  CLV_CHECK(::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size) == 0);
  port_ = ntohs(own.sin_port);
  CLV_CHECK(loop_.add(fd_, Trigger::kLevel, *this).has_value());
}

FakeDns::~FakeDns() {
  loop_.remove(fd_);
  ::close(fd_);
}

void FakeDns::on_events(Events) noexcept {
  std::array<char, 512> packet;
  sockaddr_in from{};
  socklen_t size = sizeof from;
  for (ssize_t got = 0; (got = ::recvfrom(fd_, packet.data(), packet.size(), 0,
                                          reinterpret_cast<sockaddr*>(&from), &size)) > 0;)
    take({packet.data(), static_cast<std::size_t>(got)}, from);
}

void FakeDns::take(std::string_view packet, const sockaddr_in& from) {
  Question question;
  question.from = from;
  std::size_t at = kHead;
  while (at < packet.size() && packet[at] != 0) {
    const auto size = static_cast<std::size_t>(packet[at]);
    if (!question.name.empty()) question.name.push_back('.');
    question.name.append(packet.substr(at + 1, size));
    at += size + 1;
  }
  CLV_CHECK(at + 5 <= packet.size());
  question.v6 = static_cast<unsigned char>(packet[at + 2]) == kTypeAaaa;
  question.packet = packet.substr(0, at + 5);
  ++asked_[{question.name, question.v6}];
  const auto found = replies_.find({question.name, question.v6});
  if (found != replies_.end() && found->second.silent) held_.push_back(std::move(question));
  else answer(question, found != replies_.end() ? found->second : Reply{.rcode = Rcode::kNoSuchName});
}

void FakeDns::release() {
  for (const Question& question : std::exchange(held_, {}))
    answer(question, replies_[{question.name, question.v6}]);
}

void FakeDns::answer(const Question& question, const Reply& reply) const {
  std::string packet = question.packet.substr(0, 2);
  append_16(packet, 0x8180U | static_cast<unsigned>(reply.rcode));  // an answer, of a server that recurses
  append_16(packet, 1);
  append_16(packet, reply.addresses.size());
  append_16(packet, 0);
  append_16(packet, 0);
  packet.append(question.packet.substr(kHead));
  for (const std::string& each : reply.addresses) append_address(packet, each, question.v6, reply.ttl);
  ::sendto(fd_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&question.from),
           sizeof question.from);
}

ResolvConf::ResolvConf(const std::string& server) {
  const int fd = ::mkstemp(path_.data());
  CLV_CHECK(fd >= 0);
  ::close(fd);
  replace(server);
}

ResolvConf::~ResolvConf() { ::unlink(path_.c_str()); }

void ResolvConf::replace(const std::string& server) {
  const std::string fresh = path_ + ".new";
  std::ofstream(fresh) << "nameserver " << server << "\nsearch lan.example\n";
  CLV_CHECK(std::rename(fresh.c_str(), path_.c_str()) == 0);
}

ResolverOptions ResolvConf::options(const FakeDns& dns, std::chrono::milliseconds try_timeout) const {
  return {.resolv_conf = path_, .port = dns.port(), .try_timeout = try_timeout, .tries = 2};
}

}  // namespace claviger::net::testing
