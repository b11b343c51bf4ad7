// SPDX-License-Identifier: Apache-2.0
#include "vault/passphrase.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "base/parse.h"
#include "base/secret_bytes.h"
#include "crypto/encode.h"
#include "crypto/random.h"

namespace claviger::vault {
namespace {

constexpr std::string_view kForm = "clv-passphrase-1:argon2id:";
constexpr std::size_t kFewestCharacters = 16;
constexpr std::size_t kFewestDifferent = 8;
constexpr std::uint32_t kLeastMemory = crypto::Argon2Cost{}.memory_kib / 4;
constexpr std::uint64_t kLeastWork = std::uint64_t{kLeastMemory} * crypto::Argon2Cost{}.passes;
constexpr std::uint32_t kMostMemory = std::uint32_t{4} << 20;  // KiB
constexpr std::uint32_t kMostPasses = 64;
constexpr std::uint32_t kMostLanes = 64;

Error not_a_recipe() {
  return {Code::kInvalid, Blame::kOperator,
          "is no recipe for a key from a passphrase: that is one line, \"clv-passphrase-1:argon2id:\", "
          "\"m=65536,t=3,p=4:\" and 16 bytes in base64"};
}

// "m=65536," of a text that goes on after it.
bool take_number(std::string_view& text, std::string_view name, char end, std::uint32_t most,
                 std::uint32_t& into) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  const std::size_t size = text.find(end);
  if (size == std::string_view::npos) return false;
  const auto number = base::parse_decimal(text.substr(0, size), most);
  if (!number.has_value()) return false;
  into = static_cast<std::uint32_t>(*number);
  text.remove_prefix(size + 1);
  return true;
}

}  // namespace

PassphraseRecipe PassphraseRecipe::draw() {
  PassphraseRecipe recipe;
  crypto::random_bytes(recipe.salt);
  return recipe;
}

Result<PassphraseRecipe> PassphraseRecipe::parse(std::string_view line) {
  PassphraseRecipe recipe;
  if (!line.starts_with(kForm)) return not_a_recipe();
  line.remove_prefix(kForm.size());
  crypto::Argon2Cost& cost = recipe.cost;
  if (!take_number(line, "m=", ',', kMostMemory, cost.memory_kib) ||
      !take_number(line, "t=", ',', kMostPasses, cost.passes) ||
      !take_number(line, "p=", ':', kMostLanes, cost.lanes))
    return not_a_recipe();
  const bool is_cheap =
      cost.memory_kib < kLeastMemory || std::uint64_t{cost.memory_kib} * cost.passes < kLeastWork;
  if (is_cheap || cost.lanes == 0) return not_a_recipe();
  std::array<std::byte, crypto::base64_size(kSaltSize) / 4 * 3> salt;
  if (line.size() != crypto::base64_size(kSaltSize)) return not_a_recipe();
  const crypto::Decoded decoded = crypto::base64_decode(line, salt);
  if (!decoded.valid || decoded.size != kSaltSize) return not_a_recipe();
  std::copy_n(salt.begin(), kSaltSize, recipe.salt.begin());
  return recipe;
}

std::string PassphraseRecipe::text() const {
  std::string encoded(crypto::base64_size(kSaltSize), '\0');
  crypto::base64_encode(salt, encoded);
  return std::string(kForm) + "m=" + std::to_string(cost.memory_kib) + ",t=" + std::to_string(cost.passes) +
         ",p=" + std::to_string(cost.lanes) + ":" + encoded;
}

Result<void> check_passphrase(std::string_view passphrase) {
  // Of UTF-8, a character is every byte but those that go on with one.
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
  const auto characters = static_cast<std::size_t>(std::ranges::count_if(passphrase, begins));
  std::bitset<256> seen;
  for (const char c : passphrase) seen.set(static_cast<unsigned char>(c));
  if (characters >= kFewestCharacters && seen.count() >= kFewestDifferent) return ok();
  return Error(Code::kInvalid, Blame::kOperator,
               "the passphrase is too weak: it takes 16 characters or more, eight of them different (six "
               "words drawn at random are good)");
}

Result<MasterKey> derive_master_key(std::string_view passphrase, const PassphraseRecipe& recipe,
                                    base::SecretArena& arena) {
  base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(arena, MasterKey::kSize));
  CLV_TRY_VOID(crypto::argon2id(passphrase, recipe.salt, recipe.cost, key.reveal()));
  return MasterKey::of(std::move(key), arena);
}

}  // namespace claviger::vault
