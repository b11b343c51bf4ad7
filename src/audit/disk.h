// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace claviger::audit {

// A file of the log's directory, at offsets: writing the same bytes at the same place again is how a failure is
// repaired. Errors are kUnavailable and name the file.
// Threads: one at a time.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  virtual Result<std::uint64_t> size() = 0;
  // Fills `into`, or as much of it as there is before the end of the file.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> into) = 0;
  // The parts one behind the other. After an error any of it may be there, or not.
  virtual Result<void> write(std::uint64_t offset, std::span<const std::string_view> parts) = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  // Data and size are on disk when it returns. After an error whatever was written since the last sync is in doubt.
  virtual Result<void> sync() = 0;
  // That the file is still to be found under its name and has `size` bytes: else somebody removed, replaced
  // or changed it, and what is written goes nowhere.
  virtual Result<void> check_in_place(std::uint64_t size) = 0;
};

// The directory that a log lies in. A seam: tests pass one that fails.
class Disk {
 public:
  virtual ~Disk() = default;

  // Makes the directory (0700) when it is not there, and locks it: one process at a time writes a log.
  // kInvalid when others may write it.
  static Result<std::unique_ptr<Disk>> open(const std::string& directory);

  virtual const std::string& path() const noexcept = 0;
  virtual Result<bool> has(const std::string& name) = 0;
  // For reading and writing; made (0600, its name synced) when it is not there.
  virtual Result<std::unique_ptr<DiskFile>> open_file(const std::string& name) = 0;
  // The whole of a small file, nothing when there is none. kInvalid when it is larger than `most`.
  virtual Result<std::optional<std::string>> read(const std::string& name, std::size_t most) = 0;
  // Puts `text` in the place of what the file held: after a crash it is one or the other. Durable when it returns.
  virtual Result<void> replace(const std::string& name, std::string_view text) = 0;

  struct Entry {
    std::string name;
    std::uint64_t size = 0;
  };
  // The regular files, by name.
  virtual Result<std::vector<Entry>> list() = 0;
  // Durable when they return. rename() never replaces a file; remove() of one that is not there is none. What fails may have
  // been done to some of them.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(std::span<const std::string> names) = 0;
  // What the file system has left for this user.
  virtual Result<std::uint64_t> free_bytes() = 0;
};

}  // namespace claviger::audit
