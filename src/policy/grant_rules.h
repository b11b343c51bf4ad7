// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a single grant lets through, one rule at a time. Internal to policy: Snapshot::authorize() decides by these, and
// explain() says which of them said no.

#include <cstdint>
#include <string_view>

#include "policy/snapshot.h"

namespace claviger::policy {

// Of Grant::known_methods; nothing for kOther.
constexpr std::uint16_t method_bit(http::Method method) noexcept {
  if (method == http::Method::kOther) return 0;
  return static_cast<std::uint16_t>(1U << static_cast<unsigned>(method));
}
inline constexpr std::uint16_t kGivenMethods =  // by a grant that names none
    static_cast<std::uint16_t>((1U << static_cast<unsigned>(http::Method::kOther)) - 1U) &
    static_cast<std::uint16_t>(~(method_bit(http::Method::kTrace) | method_bit(http::Method::kConnect)));

void give_methods(const std::vector<std::string>& methods, Grant& grant);

bool gives_method(const Grant& grant, http::Method method, std::string_view text) noexcept;
bool gives_path(const Grant& grant, std::string_view path) noexcept;
bool has_expired(const Grant& grant, WallTime now) noexcept;

}  // namespace claviger::policy
