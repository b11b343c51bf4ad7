// SPDX-License-Identifier: Apache-2.0
#include "vault/envelope.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/parse.h"
#include "vault/wire.h"

namespace claviger::vault {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint32_t kEpoch = 1;
constexpr std::string_view kDataKeyLabel = "claviger data key";
constexpr std::string_view kSecretLabel = "claviger secret";

WireWriter begin_binding(std::string_view label) {
  WireWriter bound;
  bound.text(label);
  bound.number(kFormat);
  bound.number(kEpoch);
  return bound;
}

}  // namespace

Envelope begin_envelope(std::size_t size, const MasterKeyId& id) {
  CLV_CHECK(size <= KeyHolder::kMaxSecret);
  WireWriter header;
  header.number(kFormat);
  header.number(kEpoch);
  header.octets(id);
  Envelope envelope = std::move(header).take();
  envelope.resize(kEnvelopeOverhead + size);
  return envelope;
}

EnvelopeParts<std::byte> parts_of(Envelope& envelope) noexcept {
  const std::span<std::byte> parts = std::span(envelope).subspan(kEnvelopeHeader);
  return {.wrapped_key = parts.first(kWrappedKeySize), .sealed_secret = parts.subspan(kWrappedKeySize)};
}

std::optional<ReadEnvelope> read_envelope(std::span<const std::byte> envelope) noexcept {
  if (envelope.size() < kEnvelopeOverhead || envelope.size() > kEnvelopeOverhead + KeyHolder::kMaxSecret)
    return std::nullopt;
  WireReader header(envelope.first(kEnvelopeHeader));
  if (header.number<std::uint8_t>() != kFormat || header.number<std::uint32_t>() != kEpoch)
    return std::nullopt;
  ReadEnvelope read;
  std::ranges::copy(*header.octets(read.id.size()), read.id.begin());
  const std::span<const std::byte> parts = envelope.subspan(kEnvelopeHeader);
  read.parts = {.wrapped_key = parts.first(kWrappedKeySize), .sealed_secret = parts.subspan(kWrappedKeySize)};
  return read;
}

std::optional<std::string> envelope_master_id(std::span<const std::byte> envelope) {
  const auto read = read_envelope(envelope);
  if (!read) return std::nullopt;
  return base::format_hex(read->id);
}

std::vector<std::byte> data_key_binding(const Binding& binding) {
  WireWriter bound = begin_binding(kDataKeyLabel);
  bound.text(binding.kind);
  bound.number(binding.id);
  bound.number(binding.version);
  return std::move(bound).take();
}

std::vector<std::byte> secret_binding(const Binding& binding) {
  WireWriter bound = begin_binding(kSecretLabel);
  bound.text(binding.kind);
  bound.text(binding.name);
  bound.number(binding.id);
  bound.number(binding.version);
  bound.text(binding.destination);
  return std::move(bound).take();
}

}  // namespace claviger::vault
