// SPDX-License-Identifier: Apache-2.0
#include "registry/rekey_mark.h"

#include <array>

#include "base/check.h"
#include "base/parse.h"
#include "crypto/hash.h"
#include "policy/resources.h"
#include "vault/derived_keys.h"
#include "vault/wire.h"

namespace claviger::registry {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::string_view kLabel = "claviger rekey";
constexpr std::uint8_t kRemoveOld = 1;  // of the flags
using Id = vault::MasterKeyId;
constexpr std::size_t kSize = 3 + 2 * sizeof(Id);
constexpr std::size_t kPage = 500;  // records read at once

Error altered() {
  return {Code::kInternal, Blame::kOperator,
          "the mark of the master key's replacement in the store was altered: put a backup back"};
}

crypto::Sha256Digest mac_of(vault::KeyHolder& keys, std::span<const std::byte> bytes) {
  const std::array<std::string_view, 2> parts{
      kLabel, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())};
  return keys.mac(vault::MacPurpose::kRegister, parts);
}

std::string text_of(std::span<const std::byte> id) { return base::format_hex(id); }

// Without the MAC.
std::optional<RekeyMark> decode(std::span<const std::byte> bytes) {
  vault::WireReader reader(bytes);
  const auto format = reader.number<std::uint8_t>(), phase = reader.number<std::uint8_t>(),
             flags = reader.number<std::uint8_t>();
  const auto old_id = reader.octets(sizeof(Id)), new_id = reader.octets(sizeof(Id));
  if (!new_id || !reader.at_end() || *format != kFormat || *flags > kRemoveOld) return std::nullopt;
  if (*phase > static_cast<std::uint8_t>(RekeyMark::Phase::kSettling)) return std::nullopt;
  RekeyMark mark{.phase = static_cast<RekeyMark::Phase>(*phase), .remove_old = *flags == kRemoveOld};
  if (mark.phase == RekeyMark::Phase::kNone) return mark;
  mark.old_id = text_of(*old_id);
  mark.new_id = text_of(*new_id);
  return mark;
}

Result<std::optional<store::Bytes>> find(store::Store& store) {
  auto value = CLV_TRY(store.find_meta(kRekeyMeta));
  if (value && value->size() != kSize + crypto::Sha256Digest().size()) return altered();
  return value;
}

Id binary(const std::string& text) {
  Id id{};
  if (!text.empty()) CLV_CHECK(base::parse_hex(text, id).has_value());
  return id;
}

}  // namespace

Result<RekeyMark> peek_rekey_mark(store::Store& store) {
  const auto value = CLV_TRY(find(store));
  if (!value) return RekeyMark();
  const auto mark = decode(std::span(*value).first(kSize));
  if (!mark) return altered();
  return *mark;
}

Result<RekeyMark> read_rekey_mark(vault::KeyHolder& keys, store::Store& store) {
  const auto value = CLV_TRY(find(store));
  if (!value) return RekeyMark();
  const auto bytes = std::span(*value).first(kSize);
  const auto mark = decode(bytes);
  if (!mark || !crypto::equal_constant_time(std::span(*value).subspan(kSize), mac_of(keys, bytes)))
    return altered();
  return *mark;
}

Result<bool> seals_anything(store::Store& store, const std::string& id) {
  std::string after;
  for (;;) {
    const auto page = CLV_TRY(store.list(policy::kind_name(policy::Kind::kCredential), after, kPage));
    for (const store::Record& record : page)
      if (vault::envelope_master_id(record.sealed) == id) return true;
    if (page.size() < kPage) return false;
    after = page.back().name;
  }
}

store::Meta write_rekey_mark(vault::KeyHolder& keys, const RekeyMark& mark) {
  vault::WireWriter writer;
  writer.number(kFormat);
  writer.number(static_cast<std::uint8_t>(mark.phase));
  writer.number(mark.remove_old ? kRemoveOld : std::uint8_t{0});
  writer.octets(binary(mark.old_id));
  writer.octets(binary(mark.new_id));
  store::Meta meta{.name = std::string(kRekeyMeta), .value = std::move(writer).take()};
  const crypto::Sha256Digest mac = mac_of(keys, meta.value);
  meta.value.insert(meta.value.end(), mac.begin(), mac.end());
  return meta;
}

}  // namespace claviger::registry
