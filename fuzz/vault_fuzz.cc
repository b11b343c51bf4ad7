// SPDX-License-Identifier: Apache-2.0
// What the vault reads from a database that others may write: envelopes, keyrings, the register. And the line of a
// master key. The first byte of the input says which.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/check.h"
#include "base/secret_bytes.h"
#include "fuzz_check.h"
#include "vault/key_holder.h"
#include "vault/register.h"

using namespace claviger;
using fuzz::expect;

namespace {

// Of nobody's: 32 bytes from 0 upwards.
constexpr std::string_view kLine = "clv-master-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr vault::Binding kBinding = {
    .kind = "credential", .name = "fake", .id = 65537, .version = 1, .destination = "fake-digest"};

struct Keys {
  std::unique_ptr<base::SecretArena> arena = *base::SecretArena::create({.limit = std::size_t{4} << 20});
  vault::Keyring keyring = *vault::make_keyring(master());
  std::unique_ptr<vault::KeyHolder> holder = *vault::open_key_holder(master(), keyring, *arena);
  vault::Envelope envelope = *holder->seal(std::as_bytes(std::span(kLine)), kBinding);

  vault::MasterKey master() const { return *vault::MasterKey::parse(kLine, *arena); }
};
Keys& keys() {
  static Keys* const all = new Keys;
  return *all;
}

template <class Bytes>
Bytes flipped(Bytes bytes, std::span<const std::byte> by) {
  for (std::size_t i = 0; i < std::min(bytes.size(), by.size()); ++i) bytes[i] ^= by[i];
  return bytes;
}

void open_envelope(std::span<const std::byte> bytes) {
  const auto opened = keys().holder->open(bytes, kBinding);
  expect(!opened.has_value() && opened.error().code() == Code::kInternal,
         "what was not sealed does not open");
}

void open_flipped_envelope(std::span<const std::byte> bytes) {
  const vault::Envelope envelope = flipped(keys().envelope, bytes);
  expect(keys().holder->open(envelope, kBinding).has_value() == (envelope == keys().envelope),
         "an envelope opens just as it was sealed");
}

void open_keyring(std::span<const std::byte> bytes) {
  for (const vault::Keyring& keyring :
       {vault::Keyring(bytes.begin(), bytes.end()), flipped(keys().keyring, bytes)}) {
    const bool opens = vault::open_key_holder(keys().master(), keyring, *keys().arena).has_value();
    expect(opens == (keyring == keys().keyring), "a keyring opens just as it was made");
    expect(!opens || vault::keyring_master_id(keyring).has_value(), "a keyring that opens names its key");
  }
}

void parse_master_key(std::string_view line) {
  const auto key = vault::MasterKey::parse(line, *keys().arena);
  expect(!key.has_value() || (line.size() == kLine.size() && line.starts_with("clv-master-key-1:")),
         "a master key has one form");
  expect(key.has_value() || line.empty() || key.error().what().size() < 100, "an error quotes nothing");
}

void read_register(std::span<const std::byte> bytes) {
  if (const auto head = vault::decode_head(bytes))
    expect(std::ranges::equal(vault::encode_head(*head), bytes), "a head has one form");
  if (const auto part = vault::decode_part(bytes))
    expect(std::ranges::equal(vault::encode_part(*part), bytes), "a part has one form");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0]) {
    case 'e':
      open_envelope(bytes);
      break;
    case 'f':
      open_flipped_envelope(bytes);
      break;
    case 'k':
      open_keyring(bytes);
      break;
    case 'm':
      parse_master_key({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      break;
    case 'r':
      read_register(bytes);
      break;
    default:
      break;
  }
  return 0;
}
