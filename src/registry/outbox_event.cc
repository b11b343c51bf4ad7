// SPDX-License-Identifier: Apache-2.0
#include "registry/outbox_event.h"

#include <array>

#include "audit/lane.h"
#include "base/parse.h"

namespace claviger::registry {
namespace {

constexpr std::string_view kEventLabel = "claviger outbox event";
constexpr std::string_view kEraLabel = "claviger era";
constexpr std::string_view kEraMeta = "registry/era";
constexpr std::string_view kMac = R"({"mac":")";
constexpr std::string_view kNumber = R"(","number":)";
constexpr std::string_view kOf = R"(,"of":)";
constexpr std::string_view kEvent = R"(,"event":)";
constexpr std::size_t kMacDigits = 64;
constexpr std::size_t kMost = audit::Lane::kMaxEvent + 256;

crypto::Sha256Digest mac_of(vault::KeyHolder& keys, const OutboxEvent& event) {
  const std::string number = std::to_string(event.number);
  const std::string of = std::to_string(event.of);
  const std::array<std::string_view, 4> parts = {kEventLabel, number, of, event.event};
  return keys.mac(vault::MacPurpose::kRegister, parts);
}

crypto::Sha256Digest mac_of(vault::KeyHolder& keys, std::uint8_t era) {
  const std::string text = std::to_string(era);
  const std::array<std::string_view, 2> parts = {kEraLabel, text};
  return keys.mac(vault::MacPurpose::kRegister, parts);
}

bool take(std::string_view& text, std::string_view literal) noexcept {
  if (!text.starts_with(literal)) return false;
  text.remove_prefix(literal.size());
  return true;
}

std::optional<std::uint64_t> take_number(std::string_view& text, std::uint64_t max) {
  const std::size_t end = text.find_first_not_of("0123456789");
  const auto number = base::parse_decimal(text.substr(0, end), max);
  if (!number.has_value()) return std::nullopt;
  text.remove_prefix(std::min(end, text.size()));
  return *number;
}

}  // namespace

std::string seal_event(vault::KeyHolder& keys, const OutboxEvent& event) {
  std::string sealed(kMac);
  sealed += base::format_hex(mac_of(keys, event));
  sealed.append(kNumber).append(std::to_string(event.number));
  sealed.append(kOf).append(std::to_string(event.of));
  return sealed.append(kEvent).append(event.event).append("}");
}

std::optional<OutboxEvent> open_event(vault::KeyHolder& keys, std::string_view sealed) {
  crypto::Sha256Digest mac{};
  if (sealed.size() > kMost || !take(sealed, kMac) || sealed.size() < kMacDigits) return std::nullopt;
  if (!base::parse_hex(sealed.substr(0, kMacDigits), mac).has_value()) return std::nullopt;
  sealed.remove_prefix(kMacDigits);
  OutboxEvent event;
  if (!take(sealed, kNumber)) return std::nullopt;
  const auto number = take_number(sealed, INT64_MAX);
  if (!number || !take(sealed, kOf)) return std::nullopt;
  const auto of = take_number(sealed, UINT32_MAX);
  if (!of || !take(sealed, kEvent) || !sealed.ends_with('}')) return std::nullopt;
  sealed.remove_suffix(1);
  event = {.number = *number, .of = static_cast<std::uint32_t>(*of), .event = sealed};
  if (!crypto::equal_constant_time(mac, mac_of(keys, event))) return std::nullopt;
  return event;
}

Result<std::uint8_t> read_era(vault::KeyHolder& keys, store::Store& store) {
  const auto value = CLV_TRY(store.find_meta(kEraMeta));
  if (!value) return std::uint8_t{0};
  const Error altered(Code::kInternal, Blame::kOperator, "the store's era was altered: put a backup back");
  if (value->size() != 1 + crypto::Sha256Digest().size()) return altered;
  const auto era = std::to_integer<std::uint8_t>(value->front());
  if (!crypto::equal_constant_time(std::span(*value).subspan(1), mac_of(keys, era))) return altered;
  return era;
}

store::Meta write_era(vault::KeyHolder& keys, std::uint8_t era) {
  store::Meta meta{.name = std::string(kEraMeta), .value = {std::byte{era}}};
  const crypto::Sha256Digest mac = mac_of(keys, era);
  meta.value.insert(meta.value.end(), mac.begin(), mac.end());
  return meta;
}

}  // namespace claviger::registry
