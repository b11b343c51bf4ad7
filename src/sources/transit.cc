// SPDX-License-Identifier: Apache-2.0
#include "sources/transit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "crypto/encode.h"
#include "sources/reader.h"

namespace claviger::sources {
namespace {

constexpr std::string_view kForm = "vault:v";
constexpr std::size_t kLongestWrapped = 1024;
constexpr std::size_t kKeySize = 32;

Error refused(std::string what) {
  return Error::formatted(Code::kUpstreamFailed, Blame::kOperator, std::move(what));
}

Result<base::SecretBytes> key_in(const base::SecretJson& json, base::SecretArena& arena) {
  const auto text = json.text({"data", "plaintext"});
  const Error not_a_key = refused("Vault's transit engine does not answer with a key of 32 bytes");
  if (!text || text->size() != crypto::base64_size(kKeySize)) return not_a_key;
  base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(arena, text->size() / 4 * 3));
  const crypto::Decoded decoded = crypto::base64_decode(*text, key.reveal());
  if (!decoded.valid || decoded.size != kKeySize) return not_a_key;
  key.shrink(kKeySize);
  return key;
}

}  // namespace

Result<std::unique_ptr<Transit>> Transit::create(const TransitOptions& options, vault::SecretSources& secrets,
                                                 vault::ProcessKey& key) {
  auto target = CLV_TRY(make_target(options.vault.address));
  return std::unique_ptr<Transit>(new Transit(options, std::move(target), secrets, key));
}

bool Transit::is_wrapped(std::string_view text) noexcept {
  return text.starts_with(kForm) && text.size() <= kLongestWrapped && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
                  c == '+' || c == '/' || c == '=';
         });
}

// What came of it but an answer is said in words: these are read by somebody whose gateway does not start.
net::Task<Result<base::SecretJson>> Transit::ask(const http::FetchSurroundings& around, std::string what,
                                                 std::string key, std::string body) {
  const std::string path = options_.mount + "/" + what + "/" + key;
  std::optional<std::chrono::seconds> wait;
  auto answer = co_await session_.call(around, http::Method::kPost, path, std::move(body), wait);
  const std::string where = "master key by transit at " + options_.vault.address.url;
  if (!answer.has_value()) co_return answer.error().within(where);
  if (answer->json) co_return *std::move(answer->json);
  if (answer->status == 404)
    co_return refused(
        fmt::format("{}: there is no transit engine at '{}' (404): enable it, or name the one there is "
                    "(master_key.transit.mount)",
                    where, options_.mount));
  co_return refused(
      fmt::format("{}: {} is refused ({}): is '{}' the key that wrapped it, and its version one "
                  "that may still decrypt?",
                  where, path, answer->status, key));
}

net::Task<Result<Transit::NewKey>> Transit::draw(const http::FetchSurroundings& around, std::string key) {
  const auto answer =
      CLV_CO_TRY(co_await ask(around, "datakey/plaintext", std::move(key), R"({"bits":256})"));
  const auto wrapped = answer.text({"data", "ciphertext"});
  if (!wrapped || !is_wrapped(*wrapped))
    co_return refused("Vault's transit engine does not answer with a wrapped key");
  co_return NewKey{CLV_CO_TRY(key_in(answer, around.arena)), std::string(*wrapped)};
}

net::Task<Result<base::SecretBytes>> Transit::unwrap(const http::FetchSurroundings& around, std::string key,
                                                     std::string wrapped) {
  const auto answer = CLV_CO_TRY(
      co_await ask(around, "decrypt", std::move(key), fmt::format(R"({{"ciphertext":"{}"}})", wrapped)));
  co_return key_in(answer, around.arena);
}

}  // namespace claviger::sources
