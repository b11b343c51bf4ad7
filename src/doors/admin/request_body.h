// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/document.h"
#include "base/secret_bytes.h"
#include "doors/admin/call.h"
#include "net/task.h"

namespace claviger::doors::admin {

enum class BodyForm : std::uint8_t { kNone, kJson, kBytes };

inline constexpr std::size_t kMaxBody = std::size_t{1} << 20;
inline constexpr std::size_t kMaxApplyBody = std::size_t{16} << 20;
inline constexpr std::size_t kMaxSecret = std::size_t{64} << 10;
inline constexpr std::size_t kMaxApplyNodes = 500'000;

// Whether the head announces a body of that form, before one byte of it is asked for. kBadRequest says what to send.
Result<void> check_body_form(const http::RequestHead& head, BodyForm form);

// A JSON body of at most `limit` bytes. kTooLarge, kBadRequest with the place of the mistake; kUnavailable when bodies of others
// fill the memory that there is for them. After any other error the connection is aborted.
net::Task<Result<base::Document>> read_json(Context& context, AdminCall& call, std::size_t limit,
                                            std::size_t max_nodes);

// A body of 1 byte to 64 KiB, straight into the arena. Secrets: it is in no other memory but the connection's buffer.
net::Task<Result<base::SecretBytes>> read_secret(Context& context, AdminCall& call);

}  // namespace claviger::doors::admin
