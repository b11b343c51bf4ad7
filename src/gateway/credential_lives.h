// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/credential_life.h"
#include "policy/resources.h"

namespace claviger::gateway {

// The lives of all credentials, by who they are: name and record, and the version of the secret. Worlds share them, so that a
// change of something else forgets nothing; another secret begins another life.
//
// Threads: any.
class CredentialLives {
 public:
  std::shared_ptr<CredentialLife> of(const policy::CredentialResource& credential);

  // Of the name; null: there is none. Of several versions the one that was asked for last, of those that are in use.
  std::shared_ptr<CredentialLife> find(std::string_view name) const;
  std::vector<std::shared_ptr<CredentialLife>> all() const;  // in the order of names

  // When each credential was used last, to keep it over a restart: of those that were.
  struct Use {
    std::string name;
    WallTime last;
  };
  std::vector<Use> uses() const;
  void was_used(const std::string& name, WallTime when);
  WallTime last_used(std::string_view name) const;  // 1970: never
  // Forgets all of those whose names are not among these, which are in order.
  void keep(const std::vector<std::string_view>& names);

 private:
  struct Known {
    std::uint64_t id = 0;
    // The last that was asked for last, which is kept though no world has it (of one that is disabled); the others are some world's.
    std::vector<std::shared_ptr<CredentialLife>> lives;
    WallTime last_used{};
  };
  static WallTime latest(const Known& known);

  mutable std::mutex mutex_;
  std::map<std::string, Known, std::less<>> known_;
};

}  // namespace claviger::gateway
