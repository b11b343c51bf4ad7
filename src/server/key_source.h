// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace claviger::server {

// Where a master key comes from, as `master_key.from` and `claviger rekey --to` write it:
//   file:PATH                                one that was drawn, in a file (relative to the data directory)
//   env:NAME                                 the same in a variable
//   passphrase:file:PATH, passphrase:env:NAME  made of a passphrase there
//   transit:KEY                              drawn and wrapped by that key of a Vault or OpenBao transit engine
struct KeySource {
  enum class Type : std::uint8_t { kFile, kEnvironment, kPassphrase, kTransit };
  Type type = Type::kFile;
  std::string text;  // as written, with the path resolved
  // What is behind the type: a file's path, a variable's name, the source of a passphrase (file:/... or env:...), a key's name.
  std::string what;

  // For messages. What stands behind "passphrase:" would be taken for one there, and blotted out.
  std::string shown() const { return type == Type::kPassphrase ? "the passphrase in " + what : text; }

  // kInvalid says what there is. What was written is never repeated: it may be a key.
  static Result<KeySource> parse(std::string_view text, const std::string& data_dir);
  // Without a place to resolve paths against: for check-config.
  static Result<void> check(std::string_view text);
};

}  // namespace claviger::server
