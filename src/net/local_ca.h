// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace claviger::net {

// A certificate authority for one server: makes a key, signs one server certificate with it, and forgets the
// key. Name-constrained to exactly what it signed, so that telling a client to trust it is
// not telling it to trust anything else.
struct LocalCa {
  std::string ca_pem;           // hand this to callers
  std::string certificate_pem;  // of the server; ECDSA P-256, valid for 825 days
  std::string key_pem;
};
// `names` are DNS names and IP addresses. kInternal when OpenSSL fails.
Result<LocalCa> make_local_ca(const std::vector<std::string>& names);

}  // namespace claviger::net
