// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace claviger::identity {

// Finds the API key that a caller presents: `Authorization: Bearer <key>`, the password of
// `Authorization: Basic`, the access key id of `Authorization: AWS4-HMAC-SHA256`, `X-API-Key`, `x-goog-api-key`.
//
// kUnauthenticated when there is none; kBadRequest when two different ones are presented, when a field
// stands twice, or when the Authorization field is malformed. The same key in two places is one key. Values that are no Claviger key
// at all (an SDK's placeholder in one field beside the real key in another) count as presented, too: ambiguity is an error.
//
// Secrets: a key out of Basic is decoded into `scratch`, which the caller wipes; other views point into the head.
struct PresentedKey {
  std::string_view text;
};
using BasicScratch = std::array<char, 512>;
Result<PresentedKey> find_presented_key(const http::Fields& fields, BasicScratch& scratch) noexcept;

// Whether a field that keys come in is there at all, whatever it holds.
bool presents_anything(const http::Fields& fields) noexcept;

}  // namespace claviger::identity
