// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "http/head_writer.h"
#include "http/message.h"
#include "policy/resources.h"

namespace claviger::gateway {

// How an upstream's answer is framed for the caller.
enum class AnswerFraming : std::uint8_t { kNone, kLength, kChunked, kUntilClose };
AnswerFraming answer_framing(const http::RequestHead& request, const http::ResponseHead& answer) noexcept;

// Writes an upstream's head for the caller: without hop-by-hop fields, cookies (unless `rules` pass them), and what only the gateway
// may say; its X-Request-Id becomes X-Upstream-Request-Id beside the gateway's own.
// `request` says whether keeping the connection must be said: HTTP/1.0 callers would not know.
// False when it does not fit.
bool write_answer_head(const http::RequestHead& request, const http::ResponseHead& answer,
                       AnswerFraming framing, bool keep_alive, std::string_view request_id,
                       const policy::AnswerRules& rules, http::HeadWriter& out) noexcept;

// The same for an interim answer (1xx).
bool write_interim_head(const http::ResponseHead& answer, const policy::AnswerRules& rules,
                        http::HeadWriter& out) noexcept;

}  // namespace claviger::gateway
