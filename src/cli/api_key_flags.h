// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace claviger::cli {

// What a new API key is asked for with, online and offline: --principal, --expires, --cidr.
struct ApiKeyFlags {
  std::string principal;
  std::string expires;  // as given; check() makes an RFC 3339 time of it, or "" for never
  std::vector<std::string> cidrs;

  void declare(Flags& flags);
  // A usage error names the flag.
  Result<void> check();
};

}  // namespace claviger::cli
