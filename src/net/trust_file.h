// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/tls.h"

namespace claviger::net {

// The CAs of a PEM file, which nobody but this user and root may change: whoever could would say whom the gateway talks to. An empty
// name: the system's. kInvalid names the file and what is wrong. Blocks.
Result<std::shared_ptr<const ClientTrust>> read_trust_file(const std::string& ca,
                                                           const OwnCertificate& own = {});

}  // namespace claviger::net
