// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "sources/reader.h"
#include "sources/vault_session.h"

namespace claviger::sources {

// Secrets of HashiCorp Vault or OpenBao: KV of both versions, and engines that make a secret when it is read, with a lease.
// Which of them a path belongs to, Vault is asked, unless the settings say it.
class VaultReader final : public Reader {
 public:
  // kInvalid when the CA file is no good. Requires: what is borrowed outlives it.
  static Result<std::unique_ptr<Reader>> create(const VaultOptions& options, vault::SecretSources& secrets,
                                                vault::ProcessKey& key);

  net::Task<Result<Reading>> read(const http::FetchSurroundings& around, std::string place,
                                  std::vector<std::string> parts,
                                  std::optional<std::chrono::seconds>& wait) override;
  net::Task<Result<std::chrono::seconds>> renew(const http::FetchSurroundings& around, Lease lease) override;
  const Pace& pace() const noexcept override { return options_.pace; }

 private:
  VaultReader(const VaultOptions& options, http::FetchTarget target, vault::SecretSources& secrets,
              vault::ProcessKey& key)
      : options_(options), session_(options, std::move(target), secrets, key) {}
  // The path that is asked for, and whether the data lies one deeper.
  struct Where {
    std::string path;
    bool is_kv2 = false;
  };
  net::Task<Result<Where>> find(const http::FetchSurroundings& around, std::string place,
                                std::optional<std::chrono::seconds>& wait);

  const VaultOptions& options_;
  VaultSession session_;
  std::map<std::string, Where> known_;  // by place
};

}  // namespace claviger::sources
