// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace claviger::server {

// What lies in the data directory beside master keys, and holds nothing secret. Each belongs to one key, whose id stands in its
// name, so that those of the old one and of the new one lie side by side while it is replaced.
//
// Threads: any; blocks. Errors: kUnavailable where the disk does not take or give it, saying which file.
class MasterKeyFiles {
 public:
  explicit MasterKeyFiles(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  // "master-<id>.argon2id": how the key is made of its passphrase. "master-<id>.transit": the key as transit wrapped it.
  std::string recipe(std::string_view id) const {
    return data_dir_ + "/master-" + std::string(id) + ".argon2id";
  }
  std::string wrapped(std::string_view id) const {
    return data_dir_ + "/master-" + std::string(id) + ".transit";
  }

  // A file of one line; kNotFound when it is not there.
  Result<std::string> read(const std::string& path) const;
  // Whole or not at all, synced.
  Result<void> write(const std::string& path, std::string_view line) const;

  // "master.from": keys that come from elsewhere than the configuration says, since `claviger rekey --to` was told so; each line an
  // id and a source.
  struct Place {
    std::string id;
    std::string source;
  };
  Result<std::vector<Place>> places() const;
  std::optional<std::string> place_of(std::string_view id) const;  // of one that cannot be read: none
  Result<void> note(const Place& place) const;
  Result<void> forget(std::string_view id) const;
  // Those of all keys but this one; of all: "".
  Result<void> forget_places_but(std::string_view id) const;

 private:
  std::string notes() const { return data_dir_ + "/master.from"; }
  Result<void> write_places(const std::vector<Place>& places) const;
  std::string data_dir_;
};

bool file_exists(const std::string& path) noexcept;
// Gone when it returns, its name as well; also when it was not there.
Result<void> remove_file(const std::string& path);

}  // namespace claviger::server
