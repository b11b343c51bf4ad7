// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "audit/disk.h"

namespace claviger::audit::testing {

// A disk in memory that can fail and lose its power, in the ways real ones do: what is read back is the page cache; what
// survives is what was synced, and of the rest any part, in blocks. A sync that fails throws
// away what it did not write, and the next one succeeds without it.
//
// Threads: one at a time. The files are shared by all Disks that attach() made, so a log can be opened again.
class MemoryDisk {
 public:
  explicit MemoryDisk(unsigned seed = 1) : random_(seed) {}

  std::unique_ptr<Disk> attach();

  // The operation that is the `count`-th from now on fails, 1 being the next; and every one after it until
  // repair() when `stays`. Operations: writes, syncs, cuts, replacements, making, renaming and removing a file.
  void fail_after(std::uint64_t count, bool stays);
  void repair() noexcept { fail_at_ = 0, is_broken_ = false; }
  bool has_failed() const noexcept { return has_failed_; }
  std::uint64_t operations() const noexcept { return operations_; }

  void set_free_bytes(std::uint64_t bytes) noexcept { free_bytes_ = bytes; }
  // Runs each time somebody asks how many are free.
  void when_asked_for_space(std::function<void()> run) { when_asked_ = std::move(run); }

  // Only what survives is left.
  void lose_power();

  // What the files hold, as a reader sees it.
  std::map<std::string, std::string> contents() const;
  // As somebody else does it who may write the directory.
  MemoryDisk copy() const;
  void remove(const std::string& name) { files_.erase(name); }
  void rename(const std::string& from, const std::string& to) { files_[to] = files_.extract(from).mapped(); }
  void put(const std::string& name, const std::string& text);
  bool has(const std::string& name) const { return files_.contains(name); }
  std::string& content(const std::string& name) { return files_.at(name)->seen; }
  void write_to(const std::string& directory) const;

 private:
  friend class MemoryFile;
  friend class MemoryDirectory;
  struct Change {
    std::uint64_t offset;
    std::string data;
    bool is_cut;
  };
  struct File {
    std::string seen, durable;
    std::vector<Change> pending;  // not synced
  };
  bool fails();
  void keep_some(File& file);
  static void apply(std::string& data, const Change& change);

  std::map<std::string, std::shared_ptr<File>> files_;
  std::mt19937 random_;
  std::uint64_t operations_ = 0;
  std::uint64_t fail_at_ = 0;
  std::uint64_t free_bytes_ = UINT64_MAX;
  std::function<void()> when_asked_;
  bool stays_ = false;
  bool is_broken_ = false;
  bool has_failed_ = false;
};

}  // namespace claviger::audit::testing
