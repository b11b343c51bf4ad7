// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/ip.h"
#include "base/result.h"
#include "base/secret_bytes.h"

namespace claviger::audit {

// How callers' addresses are recorded: `audit.addresses`.
enum class Addresses : std::uint8_t { kFull, kPseudonym, kNone };

// Pseudonyms of addresses: "p-" and 24 hex digits of an HMAC-SHA-256, so that the same address has the same one, and nobody without
// the key can tell which (with it anybody can try them all: there are few addresses).
//
// Owns: its key. Threads: any.
class Pseudonyms {
 public:
  static constexpr std::size_t kKeySize = 32;
  static constexpr std::size_t kSize = 26;

  // Requires: kKeySize bytes, used for nothing else.
  explicit Pseudonyms(base::SecretBytes key) noexcept : key_(std::move(key)) {}

  std::string of(const base::IpAddress& address) const;

 private:
  base::SecretBytes key_;
};

// As it is to be recorded; empty for kNone. Requires: `pseudonyms`, for kPseudonym.
std::string recorded_address(const base::IpAddress& address, Addresses how, const Pseudonyms* pseudonyms);

}  // namespace claviger::audit
