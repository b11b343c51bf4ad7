// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "gateway/call.h"
#include "gateway/credential_judge.h"
#include "http/message.h"

namespace claviger::gateway {

// What an answer says of the credential that its request carried:
//   2xx                                                it was good
//   429                                                throttled, for as long as Retry-After says
//   402                                                exhausted
//   401                                                refused; not where the challenge says `insufficient_scope` (RFC 6750 section 3.1)
//   403 with the challenge `error="invalid_token"`     refused
// and everything else nothing: a 403 or 404 may come before anybody looked at the credential, or for want of a right.
Testimony testimony_of(const http::ResponseHead& answer, WallTime now) noexcept;

// Tells the credential's life of it. Of a token, refusals say nothing: another one is fetched, and whoever gives it out has a say.
// Cost: a comparison or two, where all is well.
void note_answer(const Call& call, const http::ResponseHead& answer, Monotonic now, WallTime wall) noexcept;

// Of Retry-After (RFC 9110 section 10.2.3): seconds, or a time in its one preferred form. 0: it cannot be read, or is over.
std::chrono::seconds read_retry_after(std::string_view value, WallTime now) noexcept;

}  // namespace claviger::gateway
