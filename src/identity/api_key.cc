// SPDX-License-Identifier: Apache-2.0
#include "identity/api_key.h"

#include <array>
#include <cstdint>
#include <span>

#include "base/parse.h"
#include "crypto/encode.h"
#include "crypto/random.h"

namespace claviger::identity {
namespace {

constexpr std::string_view kPrefix = "clv_";
constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kBase62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kIdSize = 8;
constexpr std::size_t kSecretSize = 43;
constexpr std::size_t kChecksumSize = 6;
constexpr std::size_t kIdStart = kPrefix.size();
constexpr std::size_t kSecretStart = kIdStart + kIdSize + 1;
constexpr std::size_t kChecksumStart = kSecretStart + kSecretSize;
constexpr std::size_t kKeySize = kChecksumStart + kChecksumSize;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }

constexpr std::array<bool, 256> kIsBase62 = [] {
  std::array<bool, 256> is{};
  for (const char c : kBase62) is[static_cast<unsigned char>(c)] = true;
  return is;
}();
bool is_base62(std::string_view text) noexcept {
  bool all = true;
  for (const char c : text) all &= kIsBase62[static_cast<unsigned char>(c)];
  return all;
}

bool is_id(std::string_view text) noexcept {
  if (text.size() != kIdSize) return false;
  for (const char c : text) {
    if (!is_digit(c) && !is_lower(c)) return false;
  }
  return true;
}

std::array<char, kChecksumSize> checksum_of(std::string_view text) noexcept {
  std::array<char, kChecksumSize> digits{};
  std::uint32_t rest = crypto::crc32(text);
  for (std::size_t i = kChecksumSize; i-- > 0; rest /= 62) digits[i] = kBase62[rest % 62];
  return digits;
}

using Source = void (*)(std::span<std::byte>) noexcept;

// Draws characters of `alphabet`: bytes past the last whole multiple of its size are thrown away, so that
// each character is as likely as any other. `pool` is memory for the random bytes.
void draw(std::string_view alphabet, Source source, std::span<std::byte> pool,
          std::span<std::byte> out) noexcept {
  const std::size_t bound = 256 - 256 % alphabet.size();
  std::size_t drawn = 0;
  while (drawn < out.size()) {
    source(pool);
    for (const std::byte random : pool) {
      const auto value = std::to_integer<std::size_t>(random);
      if (value >= bound) continue;
      out[drawn++] = static_cast<std::byte>(alphabet[value % alphabet.size()]);
      if (drawn == out.size()) break;
    }
  }
}

void put(std::string_view text, std::span<std::byte> out) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) out[i] = static_cast<std::byte>(text[i]);
}

}  // namespace

std::optional<ApiKeyView> parse_api_key(std::string_view text) noexcept {
  if (text.size() != kKeySize || !text.starts_with(kPrefix) || text[kSecretStart - 1] != '_')
    return std::nullopt;
  const std::string_view id = text.substr(kIdStart, kIdSize);
  if (!is_id(id) || !is_base62(text.substr(kSecretStart))) return std::nullopt;
  const std::array<char, kChecksumSize> checksum = checksum_of(text.substr(0, kChecksumStart));
  if (text.substr(kChecksumStart) != std::string_view(checksum.data(), checksum.size())) return std::nullopt;
  return ApiKeyView{.id = id, .text = text};
}

bool contains_api_key(std::string_view text) noexcept {
  for (std::size_t at = text.find(kPrefix); at != std::string_view::npos; at = text.find(kPrefix, at + 1)) {
    const std::string_view rest = text.substr(at + kIdStart);
    if (rest.size() > kIdSize && rest[kIdSize] == '_' && is_id(rest.substr(0, kIdSize))) return true;
  }
  return false;
}

Result<NewApiKey> generate_api_key(base::SecretArena& arena) {
  base::SecretBytes text = CLV_TRY(base::SecretBytes::allocate(arena, kKeySize));
  base::SecretBytes pool = CLV_TRY(base::SecretBytes::allocate(arena, 64));
  const std::span<std::byte> out = text.reveal();
  put(kPrefix, out);
  draw(kBase36, &crypto::random_bytes, pool.reveal(), out.subspan(kIdStart, kIdSize));
  put("_", out.subspan(kSecretStart - 1));
  draw(kBase62, &crypto::random_secret, pool.reveal(), out.subspan(kSecretStart, kSecretSize));
  const std::array<char, kChecksumSize> checksum = checksum_of(text.reveal_text().substr(0, kChecksumStart));
  put({checksum.data(), checksum.size()}, out.subspan(kChecksumStart));

  crypto::Sha256 sha256;
  NewApiKey key{.id = std::string(text.reveal_text().substr(kIdStart, kIdSize)),
                .text = {},
                .hash = sha256.digest(text.reveal_text())};
  key.text = std::move(text);
  return key;
}

Result<crypto::Sha256Digest> parse_key_hash(std::string_view text) {
  crypto::Sha256Digest digest{};
  if (text.starts_with(kHashPrefix)) {
    if (base::parse_hex(text.substr(kHashPrefix.size()), digest).has_value()) return digest;
  }
  return Error(Code::kInvalid, Blame::kOperator,
               "a key's hash is 'sha256:' and 64 hex digits, as `claviger key new` prints it");
}

std::string format_key_hash(const crypto::Sha256Digest& hash) {
  return std::string(kHashPrefix) + base::format_hex(hash);
}

}  // namespace claviger::identity
