// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "http/fetch.h"
#include "net/background.h"
#include "registry/master_key_desk.h"
#include "server/master_keys.h"

namespace claviger::server {

// Makes and keeps master keys for a rekey, as the registry asks for them (docs/operations.md, "The master key").
//
// Where they lie: in the file of the configuration, or one beside it with ".next" until it takes its place; elsewhere, with a note
// of it in the data directory ("master.from") for the next start. Nothing is written over, and an old key is removed only when that
// was asked for.
//
// Owns: a thread for what takes long. Threads: the control thread's.
class ServerMasterKeys final : public registry::MasterKeyDesk {
 public:
  // What is borrowed outlives it.
  ServerMasterKeys(MasterKeys& keys, net::Loop& control, const http::FetchSurroundings& fetching)
      : keys_(keys), fetching_(fetching), thread_(control, "clv-keys") {}

  net::Task<Result<vault::MasterKey>> obtain(std::string source, std::string in_use) override;
  void discard(const std::string& id) noexcept override;
  net::Task<Result<std::string>> settle(Replaced replaced) override;

 private:
  net::Task<Result<vault::MasterKey>> obtain_from(KeySource source, bool is_default);
  net::Task<Result<vault::MasterKey>> obtain_file(KeySource source, bool is_default);
  net::Task<Result<vault::MasterKey>> obtain_of_passphrase(KeySource source);
  Result<KeySource> default_source() const;
  bool is_found_anyway(const KeySource& source) const;
  Result<std::string> settle_files(const Replaced& replaced);  // blocks
  Result<std::string> retire(const KeySource& source, const Replaced& replaced);
  Result<std::string> retire_recipe(const std::string& file, bool remove);
  Result<std::string> id_in(const std::string& path);

  MasterKeys& keys_;
  const http::FetchSurroundings& fetching_;
  std::vector<std::string> made_;  // files, by the last obtain()
  net::BackgroundThread thread_;  // goes first
};

}  // namespace claviger::server
