// SPDX-License-Identifier: Apache-2.0
#include "vault/register.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/parse.h"
#include "vault/wire.h"

namespace claviger::vault {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::string_view kHeadLabel = "claviger register head";
constexpr std::string_view kPartLabel = "claviger register part";
constexpr std::string_view kPlaceLabel = "claviger register place";
constexpr std::size_t kMacSize = sizeof(crypto::Sha256Digest);

Error bad_head() {
  return {Code::kInternal, Blame::kOperator,
          "the register of records was altered or is missing, so that no record can be believed; restore the "
          "store "
          "from a backup"};
}

crypto::Sha256Digest mac_of(KeyHolder& keys, std::string_view label, std::span<const std::byte> bytes) {
  const std::array parts = {label,
                            std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())};
  return keys.mac(MacPurpose::kRegister, parts);
}

crypto::Sha256Digest append_mac(KeyHolder& keys, std::string_view label, store::Bytes& bytes) {
  const crypto::Sha256Digest mac = mac_of(keys, label, bytes);
  bytes.insert(bytes.end(), mac.begin(), mac.end());
  return mac;
}

// The bytes before the MAC, when it is right.
std::optional<std::span<const std::byte>> take_mac_off(KeyHolder& keys, std::string_view label,
                                                       std::span<const std::byte> bytes) {
  if (bytes.size() < kMacSize) return std::nullopt;
  const auto content = bytes.first(bytes.size() - kMacSize);
  if (!crypto::equal_constant_time(mac_of(keys, label, content), bytes.last(kMacSize))) return std::nullopt;
  return content;
}

std::optional<RegisterEntry> read_entry(WireReader& reader) {
  const auto kind = reader.text();
  const auto name = reader.text();
  const auto revision = reader.number<store::Revision>();
  const auto tag = reader.octets(sizeof(RegisterEntry::tag));
  if (!tag) return std::nullopt;
  RegisterEntry entry{.kind = *kind, .name = *name, .revision = *revision};
  std::ranges::copy(*tag, entry.tag.begin());
  return entry;
}

}  // namespace

std::string head_name() { return std::string(kRegisterPrefix) + "head"; }
std::string part_name(std::uint8_t number) {
  return std::string(kRegisterPrefix) + base::format_hex(std::array{std::byte{number}});
}

std::uint8_t place_of(KeyHolder& keys, std::string_view kind, std::string_view name) {
  const std::array parts = {kPlaceLabel, kind, name};
  return std::to_integer<std::uint8_t>(keys.mac(MacPurpose::kRegister, parts).front());
}

store::Bytes encode_head(const RegisterHead& head) {
  WireWriter out;
  out.number(kFormat);
  out.number(head.revision);
  for (const RegisterHead::Part& part : head.parts) {
    out.number(part.revision);
    out.number(part.distrusted_since);
    out.octets(part.mac);
  }
  return std::move(out).take();
}

std::optional<RegisterHead> decode_head(std::span<const std::byte> bytes) {
  WireReader in(bytes);
  if (in.number<std::uint8_t>() != kFormat) return std::nullopt;
  RegisterHead head;
  head.revision = in.number<store::Revision>().value_or(0);
  for (RegisterHead::Part& part : head.parts) {
    part.revision = in.number<store::Revision>().value_or(0);
    part.distrusted_since = in.number<store::Revision>().value_or(0);
    const auto mac = in.octets(part.mac.size());
    if (!mac) return std::nullopt;
    std::ranges::copy(*mac, part.mac.begin());
  }
  if (!in.at_end()) return std::nullopt;
  return head;
}

store::Bytes encode_part(const RegisterPart& part) {
  WireWriter out;
  out.number(kFormat);
  out.number(part.number);
  out.number(part.revision);
  out.number(static_cast<std::uint32_t>(part.entries.size()));
  for (const RegisterEntry& entry : part.entries) {
    out.text(entry.kind);
    out.text(entry.name);
    out.number(entry.revision);
    out.octets(entry.tag);
  }
  return std::move(out).take();
}

std::optional<RegisterPart> decode_part(std::span<const std::byte> bytes) {
  WireReader in(bytes);
  if (in.number<std::uint8_t>() != kFormat) return std::nullopt;
  const auto number = in.number<std::uint8_t>();
  const auto revision = in.number<store::Revision>();
  const auto count = in.number<std::uint32_t>();
  if (!count) return std::nullopt;
  RegisterPart part{.number = *number, .revision = *revision};
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto entry = read_entry(in);
    if (!entry) return std::nullopt;
    if (!part.entries.empty() &&
        std::tie(part.entries.back().kind, part.entries.back().name) >= std::tie(entry->kind, entry->name))
      return std::nullopt;
    part.entries.push_back(*entry);
  }
  if (!in.at_end()) return std::nullopt;
  return part;
}

store::Meta write_head(KeyHolder& keys, const RegisterHead& head) {
  store::Bytes bytes = encode_head(head);
  append_mac(keys, kHeadLabel, bytes);
  return {.name = head_name(), .value = std::move(bytes)};
}

Result<RegisterHead> read_head(KeyHolder& keys, store::Store& store) {
  const std::optional<store::Bytes> bytes = CLV_TRY(store.find_meta(head_name()));
  const auto content = bytes ? take_mac_off(keys, kHeadLabel, *bytes) : std::nullopt;
  auto head = content ? decode_head(*content) : std::nullopt;
  if (!head) return bad_head();
  return *std::move(head);
}

store::Meta write_part(KeyHolder& keys, const RegisterPart& part, RegisterHead& head) {
  store::Bytes bytes = encode_part(part);
  RegisterHead::Part& noted = head.parts[part.number];
  noted.mac = append_mac(keys, kPartLabel, bytes);
  noted.revision = part.revision;
  return {.name = part_name(part.number), .value = std::move(bytes)};
}

Result<PartState> read_part(KeyHolder& keys, store::Store& store, const RegisterHead& head,
                            std::uint8_t number, RegisterPart& part) {
  part = RegisterPart{.number = number};
  const RegisterHead::Part& noted = head.parts[number];
  if (noted.revision == 0) return PartState::kGood;
  std::optional<store::Bytes> bytes = CLV_TRY(store.find_meta(part_name(number)));
  if (!bytes) return PartState::kMissing;
  const auto content = take_mac_off(keys, kPartLabel, *bytes);
  auto read = content ? decode_part(*content) : std::nullopt;
  if (!read || read->number != number) return PartState::kAltered;
  if (!std::ranges::equal(std::span<const std::byte>(*bytes).last(kMacSize), noted.mac))
    return read->revision > head.revision ? PartState::kNewer : PartState::kOther;
  part = *std::move(read);
  part.bytes = *std::move(bytes);  // moved, it stays where the entries look
  return PartState::kGood;
}

}  // namespace claviger::vault
