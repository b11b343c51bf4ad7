// SPDX-License-Identifier: Apache-2.0
#include "registry/outbox_event.h"

#include <array>

#include "audit/lane.h"
#include "base/parse.h"

namespace claviger::registry {
namespace {

constexpr std::string_view kLabel = "claviger outbox event";
constexpr std::string_view kBegin = R"({"mac":")";
constexpr std::string_view kMiddle = R"(","event":)";
constexpr std::size_t kMacDigits = 64;

crypto::Sha256Digest mac_of(vault::KeyHolder& keys, std::string_view event) {
  const std::array parts = {kLabel, event};
  return keys.mac(vault::MacPurpose::kRegister, parts);
}

}  // namespace

std::string seal_event(vault::KeyHolder& keys, std::string_view event) {
  std::string sealed(kBegin);
  sealed += base::format_hex(mac_of(keys, event));
  return sealed.append(kMiddle).append(event).append("}");
}

std::optional<std::string_view> open_event(vault::KeyHolder& keys, std::string_view sealed) {
  constexpr std::size_t kAround = kBegin.size() + kMacDigits + kMiddle.size();
  if (sealed.size() <= kAround || sealed.size() > kAround + audit::Lane::kMaxEvent + 1) return std::nullopt;
  if (!sealed.starts_with(kBegin) || !sealed.ends_with('}')) return std::nullopt;
  if (sealed.substr(kBegin.size() + kMacDigits, kMiddle.size()) != kMiddle) return std::nullopt;
  crypto::Sha256Digest mac{};
  if (!base::parse_hex(sealed.substr(kBegin.size(), kMacDigits), mac).has_value()) return std::nullopt;
  sealed.remove_prefix(kAround);
  sealed.remove_suffix(1);
  if (!crypto::equal_constant_time(mac, mac_of(keys, sealed))) return std::nullopt;
  return sealed;
}

}  // namespace claviger::registry
