// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "audit/reader.h"

namespace claviger::sinks {

// Records as syslog messages (RFC 5424), framed by octet counting (RFC 5425 section 4.3, RFC 6587 section 3.4.1):
//
//   1234 <110>1 2026-01-01T00:00:00.000Z gateway.example claviger 77 call.finished [claviger@32473 id="claviger/prod/17"] {"id":...
//
// Facility 13 (log audit), severity 6 (informational). The time is the event's, MSGID its type, the message the record as other
// sinks have it, in UTF-8 without a byte order mark.
class SyslogWriter {
 public:
  // `host`: this machine's name, "-" is written for one that no message may have; `process`: the number of it.
  SyslogWriter(std::string origin, std::string_view host, std::uint64_t process, std::uint32_t enterprise);

  void write_event(std::string& out, std::uint64_t number, std::string_view line) const;
  void write_checkpoint(std::string& out, const audit::SignedCheckpoint& checkpoint) const;

 private:
  void append_head(std::string& out, std::string_view time, std::string_view type, std::string_view id) const;

  const std::string origin_;
  std::string names_;  // " HOSTNAME APP-NAME PROCID "
  std::string data_begin_;  // " [claviger@32473 id=\""
};

}  // namespace claviger::sinks
