// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace claviger::crypto {

// Fills `out` from the operating system's CSPRNG by way of OpenSSL's DRBG. Never fails: without
// randomness the process stops. Threads: any.
void random_bytes(std::span<std::byte> out) noexcept;

// The same from OpenSSL's private DRBG, for keys.
void random_secret(std::span<std::byte> out) noexcept;

}  // namespace claviger::crypto
