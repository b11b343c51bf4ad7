// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/connector.h"

namespace claviger::cli {

// Where the management API is, as CLAVIGER_ADDR says.
struct AdminAddress {
  bool tls = true;
  bool host_is_ip = false;
  std::string authority;  // for Host
  std::string text;       // for messages: "https://127.0.0.1:9443"
  net::Destination destination;
};

inline constexpr std::string_view kDefaultAdminAddress = "https://127.0.0.1:9443";

// https://HOST[:PORT], or http:// to this machine alone: a key must not cross a network in the clear. The port is 9443
// when none is said. kInvalid says what is wrong.
Result<AdminAddress> parse_admin_address(std::string_view text);

}  // namespace claviger::cli
