// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "http/fetch.h"
#include "net/task.h"
#include "sources/options.h"
#include "sources/vault_session.h"
#include "vault/process_key.h"
#include "vault/source.h"

namespace claviger::sources {

// `master_key.transit` of the configuration file; docs/configuration.md is its manual.
struct TransitOptions {
  VaultOptions vault;  // address, namespace and log-in; nothing else of it
  std::string mount = "transit";
  std::chrono::milliseconds patience{std::chrono::minutes(1)};  // with one that is down or sealed, at start
  friend bool operator==(const TransitOptions&, const TransitOptions&) = default;
};

// Keys wrapped by the transit engine of a Vault or OpenBao. A key is drawn there, so that no request ever carries one.
//
// Threads: those of the surroundings that it is given. Secrets: keys lie in the arena.
class Transit {
 public:
  // kInvalid names a CA file that is no good. Requires: what is borrowed outlives it.
  static Result<std::unique_ptr<Transit>> create(const TransitOptions& options, vault::SecretSources& secrets,
                                                 vault::ProcessKey& key);

  struct NewKey {
    base::SecretBytes key;  // 32 bytes
    std::string wrapped;  // "vault:v1:..."
  };
  // Errors say what to do, and blame upstream where trying again may help: it is down, sealed, or busy.
  // Requires: `around` and this outlive the tasks.
  net::Task<Result<NewKey>> draw(const http::FetchSurroundings& around, std::string key);
  net::Task<Result<base::SecretBytes>> unwrap(const http::FetchSurroundings& around, std::string key,
                                              std::string wrapped);

  // Whether this can be what it calls a wrapped key: nothing else is sent.
  static bool is_wrapped(std::string_view text) noexcept;

 private:
  Transit(const TransitOptions& options, http::FetchTarget target, vault::SecretSources& secrets,
          vault::ProcessKey& key)
      : options_(options), session_(options_.vault, std::move(target), secrets, key) {}
  net::Task<Result<base::SecretJson>> ask(const http::FetchSurroundings& around, std::string what,
                                          std::string key, std::string body);

  const TransitOptions options_;
  VaultSession session_;  // refers to them
};

}  // namespace claviger::sources
