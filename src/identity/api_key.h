// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "crypto/hash.h"

namespace claviger::identity {

// A caller's API key: `clv_<id>_<secret><checksum>`.
//   id        8 of [0-9a-z], public: it names the key in logs and resources
//   secret    43 of [0-9A-Za-z], over 255 bits from the CSPRNG, drawn without bias
//   checksum  6 of [0-9A-Za-z]: CRC-32 of everything before it, base 62, most significant digit first. It tells
//             a typo or a false hit of a secret scanner from a key, without a look-up
// What is stored is SHA-256 of the whole text; 255 random bits need no slow hash.
struct ApiKeyView {
  std::string_view id;
  std::string_view text;
};

// The key's parts, views into `text`; nothing when it is not of that form or the checksum is wrong.
std::optional<ApiKeyView> parse_api_key(std::string_view text) noexcept;

// Whether `text` holds anything that looks like the start of an API key ("clv_", 8, "_").
bool contains_api_key(std::string_view text) noexcept;

struct NewApiKey {
  std::string id;
  base::SecretBytes text;  // shown once
  crypto::Sha256Digest hash;
};
Result<NewApiKey> generate_api_key(base::SecretArena& arena);

// "sha256:<64 hex digits>".
Result<crypto::Sha256Digest> parse_key_hash(std::string_view text);
std::string format_key_hash(const crypto::Sha256Digest& hash);

}  // namespace claviger::identity
