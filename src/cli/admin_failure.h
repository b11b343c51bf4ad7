// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/admin_address.h"

namespace claviger::cli {

// Why a call of the management API came to nothing, in words that say what to do. Whatever the other side wrote is made
// printable.

// No answer: `why` is net's or http's.
Error connection_failure(const Error& why, const AdminAddress& address);

// An answer that is a refusal. `body` may be problem+json (RFC 9457), or anything.
Error refusal(unsigned status, std::string_view body, std::string_view request_id,
              std::uint32_t retry_after_seconds, const AdminAddress& address);

// The `detail` of problem+json, else its `title`, made printable; empty when it is none.
std::string problem_detail(std::string_view body);

// When CLAVIGER_TOKEN is not there. The command line shows how to set it besides (the redaction of messages would take
// the example for a secret).
Error no_token();
bool is_no_token(const Error& error) noexcept;

}  // namespace claviger::cli
