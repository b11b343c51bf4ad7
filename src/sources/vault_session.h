// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret_json.h"
#include "http/fetch.h"
#include "net/task.h"
#include "sources/options.h"
#include "vault/process_key.h"
#include "vault/source.h"

namespace claviger::sources {

// One gateway's session with a Vault: its token, got by AppRole or from where the settings say, renewed at two thirds of its time, and
// got anew when Vault does not know it any more. And the requests that are made with it.
//
// Threads: the control thread's. Secrets: the token is sealed between requests; role and secret id are read from their
// source each time they are needed, and are in the arena for that long.
class VaultSession {
 public:
  // Requires: what is borrowed outlives it.
  VaultSession(const VaultOptions& options, http::FetchTarget target, vault::SecretSources& secrets,
               vault::ProcessKey& key)
      : options_(options), target_(std::move(target)), secrets_(secrets), key_(key) {}

  struct Answer {
    unsigned status = 0;
    std::optional<base::SecretJson> json;  // of a status of 200
  };
  // A request with the token, to "/v1/<path>"; with another one and once more where Vault refuses the first. The body is JSON.
  // An Error for whatever Vault says but 200, 400 and 404 ("is sealed", "permission denied").
  // Requires: `around`, the session and `wait` outlive the task, as do the texts.
  net::Task<Result<Answer>> call(const http::FetchSurroundings& around, http::Method method, std::string path,
                                 std::string body, std::optional<std::chrono::seconds>& wait);

 private:
  struct Token {
    vault::Sealed sealed;
    Monotonic renew_at = Monotonic::max();
    Monotonic ends = Monotonic::max();
    bool renewable = false;
  };
  net::Task<bool> is_another_worth_it(const http::FetchSurroundings& around,
                                      std::optional<std::chrono::seconds>& wait);
  net::Task<Result<void>> make_ready(const http::FetchSurroundings& around,
                                     std::optional<std::chrono::seconds>& wait);
  net::Task<Result<void>> renew(const http::FetchSurroundings& around,
                                std::optional<std::chrono::seconds>& wait);
  net::Task<Result<void>> log_in(const http::FetchSurroundings& around,
                                 std::optional<std::chrono::seconds>& wait);
  net::Task<Result<void>> take_token(const http::FetchSurroundings& around,
                                     std::optional<std::chrono::seconds>& wait);
  net::Task<Result<Answer>> send(const http::FetchSurroundings& around, http::Method method,
                                 std::string_view path, std::string_view body, bool with_token,
                                 std::optional<std::chrono::seconds>& wait);
  void keep(std::string_view token, std::chrono::seconds time, bool renewable, Monotonic now);
  Result<base::SecretBytes> open_token() const;

  const VaultOptions& options_;
  const http::FetchTarget target_;
  vault::SecretSources& secrets_;
  vault::ProcessKey& key_;
  std::optional<Token> token_;
  Monotonic next_log_in_{};  // on account of what is refused: one that changed nothing is not repeated before
};

}  // namespace claviger::sources
