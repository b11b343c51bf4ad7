// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "policy/resources.h"

namespace claviger::policy {
namespace {

struct KindWords {
  std::string_view one;
  std::string_view many;
};
constexpr std::array<KindWords, std::variant_size_v<Resource>> kWords{{
    {"upstream", "upstreams"},
    {"credential", "credentials"},
    {"principal", "principals"},
    {"api_key", "api_keys"},
    {"grant", "grants"},
}};

}  // namespace

std::string_view kind_name(Kind kind) noexcept { return kWords[static_cast<std::size_t>(kind)].one; }
std::string_view plural_name(Kind kind) noexcept { return kWords[static_cast<std::size_t>(kind)].many; }

std::optional<Kind> parse_kind(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (name == kWords[i].one || name == kWords[i].many) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

// Kinds and alternatives stand in the same order.
Kind kind_of(const Resource& resource) noexcept { return static_cast<Kind>(resource.index()); }

const std::string& name_of(const Resource& resource) noexcept {
  return *std::visit([](const auto& one) { return &one.name; }, resource);
}

}  // namespace claviger::policy
