// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace claviger::sinks {

enum class SinkType : std::uint8_t { kFile, kStdout, kSyslog, kWebhook };
const char* type_name(SinkType type) noexcept;  // "file", ...

// One of `audit.sinks` (docs/configuration.md), checked by whoever read it: what a type has no use for is empty.
struct SinkOptions {
  std::string name;  // a resource name; also that of its position's file
  SinkType type = SinkType::kStdout;
  std::string path;  // file

  // syslog and webhook: where, and how that has to prove itself.
  bool tls = true;  // false: on loopback, given as an address, alone
  std::string host;  // a name or an IP literal
  bool host_is_ip = false;
  std::uint16_t port = 0;
  std::string ca;  // PEM; empty: the system's
  std::string certificate, key;  // PEM, to prove ourselves; both or neither

  // webhook
  std::string authority;  // for Host:
  std::string target;  // begins with '/'
  std::string hmac;  // where the secret comes from: env:NAME or file:PATH

  // syslog: of the private enterprise number in the structured data's name (RFC 5424 section 7.2.2)
  std::uint32_t enterprise = 32473;

  std::size_t batch = std::size_t{1} << 20;  // bytes of the log that are sent at once, about

  bool operator==(const SinkOptions&) const = default;
};
using SinkList = std::vector<SinkOptions>;

}  // namespace claviger::sinks
