// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace claviger::vault {

enum class SourceKind : std::uint8_t { kEnvironment, kFile, kVault, kAwsSecret };

// "env", "file", "vault", "aws-sm".
std::string_view source_name(SourceKind kind) noexcept;

// Where a credential's secret lies when the vault does not have it, as `from` says:
//   env:NAME   file:PATH   vault:<mount>/<path>#<field>   aws-sm:<name>[#<key of the JSON object that it is>]
struct SecretReference {
  SourceKind kind = SourceKind::kEnvironment;
  std::string place;  // NAME, PATH, "<mount>/<path>", <name>
  std::string part;  // of what lies there; empty: all of it

  bool is_remote() const noexcept { return kind == SourceKind::kVault || kind == SourceKind::kAwsSecret; }

  // kInvalid when it is of no such form; the text is not repeated, since a secret may have been pasted there.
  // Of a path no segment is empty, "." or "..", so that what begins like it lies below it.
  static Result<SecretReference> parse(std::string_view from);
};

}  // namespace claviger::vault
