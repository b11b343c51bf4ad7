// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"

namespace claviger::credentials {

// The form in which one request's body goes out (BodyNeed::kCoded), made piece by piece as it comes.
//
//   while (!piece.empty()) {
//     const std::string_view text = CLV_CO_TRY(coder->take(piece));
//     if (!text.empty()) co_await send(text);
//   }
//   co_await send(CLV_CO_TRY(coder->finish()));
//
// What it gives is valid until it is asked again. All of it is as long as Credential::coded_size() said, or an Error comes in its
// place: kBadRequest, blame caller, for a body that is not what its head says.
// Threads: one. Secrets: what it signs with lies in the arena.
class BodyCoder {
 public:
  virtual ~BodyCoder() = default;
  // Takes off the front of `piece` what it has room for, all of it unless it gives something to be sent.
  virtual Result<std::string_view> take(std::string_view& piece) = 0;
  // Behind all of the body: what is left of it, and the end. Once.
  virtual Result<std::string_view> finish() = 0;
};

}  // namespace claviger::credentials
