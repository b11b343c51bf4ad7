// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace claviger::audit {

// The names in a pack. A pack of a log whose key was rotated has a pair of rotation files for each time, numbered from 1.
namespace pack {
inline constexpr const char* kEvents = "events.jsonl";
inline constexpr const char* kProof = "events.proof";
inline constexpr const char* kKeys = "keys";
inline constexpr const char* kReadme = "README.txt";
inline constexpr const char* kScript = "verify.py";
std::string rotation_event_name(std::uint64_t number);
std::string rotation_proof_name(std::uint64_t number);
}  // namespace pack

// A directory that gets its name when it is done, and is gone otherwise. Owns: what lies in it until then.
class UnfinishedPack {
 public:
  // Beside `out`. kConflict when that is there already.
  static Result<UnfinishedPack> make(const std::string& out);
  UnfinishedPack(UnfinishedPack&& other) noexcept
      : out_(std::move(other.out_)), path_(std::exchange(other.path_, {})) {}
  UnfinishedPack& operator=(UnfinishedPack&&) = delete;
  ~UnfinishedPack();

  const std::string& path() const noexcept { return path_; }
  Result<base::Descriptor> create_file(std::string_view name) const;  // 0600
  Result<void> write_file(std::string_view name, std::string_view text) const;

  // Under its name, synced: as it is, or, for a name that ends in ".tar", as an archive. Never in place of something else.
  Result<void> publish();

 private:
  UnfinishedPack(std::string out, std::string path) : out_(std::move(out)), path_(std::move(path)) {}
  Result<void> publish_archive();
  std::string out_, path_;
};

// A POSIX.1-1988 (ustar) archive of a directory's regular files, in the order of their names, below `top`; sizes from 8 GiB on as GNU
// and most others write them.
Result<void> write_archive(int fd, const std::string& directory, const std::string& top);

}  // namespace claviger::audit
