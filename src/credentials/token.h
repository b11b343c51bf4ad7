// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/secret_arena.h"
#include "base/secret_bytes.h"
#include "credentials/kind.h"
#include "http/fetch.h"
#include "http/path.h"
#include "vault/process_key.h"

namespace claviger::credentials {

// What a kind has fetched with its secret, and puts on requests instead of it. In memory alone, sealed.
// Threads: any; immutable.
struct Token {
  std::unique_ptr<const Credential> carrier;  // puts it on requests, as a static credential would
  std::uint64_t number = 0;  // no other token of its cell has it
  Monotonic refresh_at{};  // from then on another is fetched ahead of time
  Monotonic good_until{};  // from then on it is put on no request

  const EchoMarks& echoes() const noexcept { return carrier->echoes(); }
};

// Where a token is fetched: the guard's rules and the trust are the endpoint's own, unless it is the upstream's.
struct TokenEndpoint {
  std::optional<http::BaseUrl> url;  // without its path; nothing: the upstream's own base URLs
  std::string target;  // path and query, as they go out; of the upstream's own, below its base path
  bool allow_private = false;
  std::vector<base::Cidr> allowed;
  std::string ca;  // PEM file; empty: the system's store
};

// A request for a token. Secrets: all of it may be one, and lies in the arena.
struct TokenRequest {
  http::Method method = http::Method::kPost;
  base::SecretBytes query;  // "name=value&..." behind the target; empty: none
  std::string content_type;  // of the body
  base::SecretBytes authorization;  // the field's value; empty: none
  base::SecretBytes body;
};

struct FetchedToken {
  base::SecretBytes text;  // bare
  std::chrono::seconds lifetime{};
  base::SecretBytes
      next_secret;  // from now on instead of the secret it was fetched with; empty: that one stays
};

// How a kind fetches its token: what to ask, and what the answer says. Asked on the control thread, by gateway::TokenDesk.
// Threads: any; immutable. Secrets: its own is sealed.
class TokenFetcher {
 public:
  virtual ~TokenFetcher() = default;

  const TokenEndpoint& endpoint() const noexcept { return endpoint_; }
  // What it fetches with, as it was given.
  const vault::Sealed& secret() const noexcept { return secret_; }
  // The cookie of the answer that is the token; empty: it is in the body.
  virtual std::string_view wanted_cookie() const noexcept { return {}; }
  virtual Result<TokenRequest> request(std::string_view secret, WallTime now,
                                       base::SecretArena& arena) const = 0;
  // kNoCredential: whoever answers does not take the secret, and asking again with it may lock it out. kUpstreamFailed: the
  // answer is no good. Neither says anything of the answer that could be a secret.
  virtual Result<FetchedToken> read(const http::FetchAnswer& answer, std::string_view secret,
                                    base::SecretArena& arena) const = 0;
  // Makes what is put on requests. kInvalid when it is nothing that could be.
  virtual Result<std::unique_ptr<const Credential>> carry(base::SecretBytes token,
                                                          vault::ProcessKey& key) const = 0;
  // Whether an answer of the upstream's says that it does not know the session any more, beyond 401: by its status,
  virtual bool is_lost(unsigned status) const noexcept { return status == 401; }
  // or by its body, a JSON text: whether it is worth a look, and what it says.
  virtual bool looks_at_bodies() const noexcept { return false; }
  virtual bool is_lost(std::string_view, base::SecretArena&) const { return false; }

 protected:
  TokenFetcher(TokenEndpoint endpoint, vault::Sealed secret)
      : endpoint_(std::move(endpoint)), secret_(std::move(secret)) {}

 private:
  TokenEndpoint endpoint_;
  vault::Sealed secret_;
};

}  // namespace claviger::credentials
