// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/secret_arena.h"
#include "base/secret_json.h"
#include "credentials/aws_signature.h"

namespace claviger::credentials {

// AWS keys as operators have them:
//   {"access_key_id": "...", "secret_access_key": "...", "session_token": "..."}, the last one for temporary keys, and the same with
//   the names that AWS gives them ("AccessKeyId", ..., also within "Credentials", as `aws sts` prints it);
//   "<id>:<secret>" or "<id>:<secret>:<token>";
//   the same on two or three lines.
// Owns: what JSON was parsed into. Secrets: views into the arena, valid as long as it and the text live.
class AwsKeyText {
 public:
  // kInvalid says what is wrong and how it has to look, and never a byte of it. kUnavailable when the arena is spent.
  static Result<AwsKeyText> parse(std::string_view text, base::SecretArena& arena);
  const AwsKeys& keys() const noexcept { return keys_; }

 private:
  std::optional<base::SecretJson> json_;
  AwsKeys keys_;
};

}  // namespace claviger::credentials
