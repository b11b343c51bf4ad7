// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the kinds share that fetch tokens: where, for how long a token is good, and how it goes onto requests.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/document.h"
#include "base/result.h"
#include "credentials/kind.h"
#include "credentials/token.h"

namespace claviger::credentials {

inline constexpr std::chrono::seconds kMostLifetime = std::chrono::hours(24);  // by then it is fetched anew
inline constexpr std::chrono::seconds kLifetimeUnsaid =
    std::chrono::minutes(5);  // where nobody says how long

// Whose token it is.
struct Owner {
  std::string name;  // of the credential
  std::string bound_to;
  bool masked = true;
};

// How a token goes onto requests: `send: { kind: bearer | header | query | cookie, ... }`. The first three are the static kinds of
// these names, settings and all.
class Sending {
 public:
  static Result<Sending> read(base::ObjectReader& reader);

  std::string_view field_name() const noexcept { return field_; }
  std::string_view query_name() const noexcept { return query_; }
  Result<std::unique_ptr<const Credential>> carry(const Owner& owner, base::SecretBytes token,
                                                  vault::ProcessKey& key) const;

 private:
  base::Document how_;
  const Kind* kind_ = nullptr;  // null: a cookie
  std::string field_;
  std::string query_;
  std::string cookie_;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

// `parameters: { name: value }`, at most 16 of them, none of those in `taken`.
Result<Parameters> read_parameters(base::ObjectReader& reader, std::span<const std::string_view> taken);
// A setting that is short text without control bytes, or absent.
Result<std::string> read_text(base::ObjectReader& reader, std::string_view key);
// `lifetime: 30m`, from 10 s to a day, for answers that do not say.
Result<std::optional<std::chrono::seconds>> read_lifetime(base::ObjectReader& reader);
// `token_url` (or as `key` says) with `allow_plaintext`, `allow_private_addresses` and `ca`.
Result<TokenEndpoint> read_endpoint(base::ObjectReader& reader, std::string_view key);

// A credential of a kind that fetches: puts on requests what was fetched.
class TokenCredential final : public Credential {
 public:
  TokenCredential(std::string name, const Sending& sending, std::shared_ptr<const TokenFetcher> fetcher,
                  EchoMarks echoes)
      : Credential(std::move(name), std::move(echoes)),
        field_(sending.field_name()),
        query_(sending.query_name()),
        fetcher_(std::move(fetcher)) {}

  std::string_view field_name() const noexcept override { return field_; }
  std::string_view query_name() const noexcept override { return query_; }
  Result<void> write_query(http::HeadWriter& out, const Attaching& with) const override;
  Result<void> write_fields(http::HeadWriter& out, const Attaching& with) const override;
  const std::shared_ptr<const TokenFetcher>& fetcher() const noexcept override { return fetcher_; }

 private:
  std::string field_;
  std::string query_;
  std::shared_ptr<const TokenFetcher> fetcher_;
};

// marks_of() those of the secrets that are long enough.
Result<EchoMarks> marks_of_secrets(const Material& material, std::span<const std::string_view> secrets,
                                   vault::ProcessKey& key);

// An answer with a number of seconds in it, which a token is good for. kUpstreamFailed where that is nothing it could be.
Result<std::chrono::seconds> lifetime_of(std::uint64_t seconds);

// "the token endpoint <what>", kUpstreamFailed.
Error bad_answer(std::string_view what);
// "the token endpoint refuses the credential: <what>", kNoCredential.
Error refused_by_endpoint(std::string_view what);

}  // namespace claviger::credentials
