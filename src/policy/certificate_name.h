// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace claviger::policy {

// A name in client certificates as a principal lists it, in the one form that net/tls.h (PeerCertificate) gives it: "dns:<host>" in
// lower case, "uri:<URI>", "email:<mailbox>@<host>" with the host in lower case, or "sha256:<64 hex digits>", in lower case. Names
// are compared byte for byte, so a pattern is refused. kInvalid says what would be right.
Result<std::string> parse_certificate_name(std::string_view text);

}  // namespace claviger::policy
