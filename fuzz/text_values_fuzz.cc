// SPDX-License-Identifier: Apache-2.0
// Numbers, times, sizes, addresses, rates: what is read, written and read again is the same, and numbers are what a
// plain reading makes of them.

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/parse.h"
#include "crypto/encode.h"
#include "fuzz_check.h"
#include "identity/api_key.h"
#include "policy/rate.h"
#include "policy/resources.h"

namespace {

using namespace claviger;
using claviger::fuzz::expect;

void check_addresses(const std::string& text) {
  const auto address = base::parse_ip(text);
  in_addr v4{};
  in6_addr v6{};
  const bool has_nul = text.find('\0') != std::string::npos;
  const bool is_v4 = !has_nul && ::inet_pton(AF_INET, text.c_str(), &v4) == 1;
  const bool is_v6 = !has_nul && ::inet_pton(AF_INET6, text.c_str(), &v6) == 1;
  expect(address.has_value() == (is_v4 || is_v6), "an address is what inet_pton takes");
  if (!address.has_value()) return;
  if (is_v4)
    expect(!address->v6 && std::memcmp(address->bytes.data(), &v4, sizeof v4) == 0, "octet by octet");
  const auto again = base::parse_ip(base::format_ip(*address));
  expect(again.has_value() && *again == *address, "an address can be written and read again");
  const auto alone = base::parse_cidr(text);
  expect(alone.has_value() && alone->contains(*address), "an address alone is a range");
}

void check_ranges(const std::string& text) {
  const auto range = base::parse_cidr(text);
  if (!range.has_value()) return;
  expect(range->prefix <= (range->network.v6 ? 128 : 32), "the prefix fits the family");
  expect(range->contains(range->network), "a range contains where it begins");
  base::IpAddress other = range->network;
  if (range->prefix > 0) {
    other.bytes[0] = static_cast<std::uint8_t>(other.bytes[0] ^ 0x80);
    expect(!range->contains(other), "and not what differs in the first bit");
  }
}

void check_numbers(const std::string& text) {
  const auto number = base::parse_decimal(text);
  expect(!number.has_value() || text.find_first_not_of("0123456789") == std::string::npos, "digits alone");
  if (number.has_value()) expect(*number == std::stoull(text), "read as digits are read");
  const auto small = base::parse_decimal(text, 1000);
  expect(small.has_value() == (number.has_value() && *number <= 1000), "the most counts");

  const auto duration = base::parse_duration(text);
  expect(!duration.has_value() || duration->count() >= 0, "no time is negative");
  const auto size = base::parse_byte_size(text);
  if (size.has_value() && number.has_value()) expect(*size == *number, "a bare number is bytes");
  (void)policy::parse_rate(text);
  const auto quota = policy::parse_quota(text);
  expect(!quota.has_value() || (quota->calls > 0 && quota->window.count() > 0), "a quota has both parts");
}

void check_times(const std::string& text) {
  const auto time = base::parse_rfc3339(text);
  if (!time.has_value()) return;
  const std::string written = base::format_rfc3339(*time);
  const auto again = base::parse_rfc3339(written);
  expect(again.has_value() && base::format_rfc3339(*again) == written,
         "a time can be written and read again");
}

void check_encodings(const std::string& text) {
  std::vector<std::byte> bytes(text.size() / 2);
  if (base::parse_hex(text, bytes).has_value()) {
    expect(text.size() == bytes.size() * 2, "two digits each");
    std::vector<std::byte> again(bytes.size());
    expect(base::parse_hex(base::format_hex(bytes), again).has_value() && again == bytes, "hex comes back");
  }
  std::vector<std::byte> room(text.size() / 4 * 3);
  const crypto::Decoded decoded = crypto::base64_decode(text, room);
  if (decoded.valid) {
    std::string encoded(crypto::base64_size(decoded.size), '\0');
    crypto::base64_encode(std::span(room).first(decoded.size), encoded);
    expect(encoded == text, "there is one form of base64");
  }
  const auto key = identity::parse_api_key(text);
  expect(!key || (key->text == text && text.starts_with("clv_")), "a key's parts are parts of it");
  const auto hash = identity::parse_key_hash(text);
  if (hash.has_value()) {
    const auto again = identity::parse_key_hash(identity::format_key_hash(*hash));
    expect(again.has_value() && *again == *hash, "a hash comes back");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1024) return 0;
  const std::string text(data, data + size);
  check_addresses(text);
  check_ranges(text);
  check_numbers(text);
  check_times(text);
  check_encodings(text);
  return 0;
}
