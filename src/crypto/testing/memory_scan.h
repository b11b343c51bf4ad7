// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace claviger::crypto::testing {

// Reads all of a process's writable memory by way of /proc, to find what should not be there. Sees
// locked arenas, and not memfd_secret ones (nobody can, that is their point).
//
// Its own window onto the memory is left out of the scan and wiped afterwards. What to look for is given
// inverted (each byte complemented), so that the search does not find itself.
class MemoryScan {
 public:
  // `process` is "self" or a process id; permission to ptrace it is needed.
  explicit MemoryScan(const std::string& process = "self");
  ~MemoryScan();
  MemoryScan(const MemoryScan&) = delete;
  MemoryScan& operator=(const MemoryScan&) = delete;

  // Where the complement of `inverted` occurs. Requires: 8 to 256 bytes.
  std::vector<std::uintptr_t> find(std::span<const std::byte> inverted);

  // Every expanded AES key, whoever's.
  struct Schedule {
    std::uintptr_t address;
    unsigned bits;
  };
  std::vector<Schedule> find_aes_schedules();

  // Bytes that the last search looked at. A search that saw nothing proves nothing.
  std::size_t scanned() const noexcept { return scanned_; }

 private:
  // Calls `look` with pieces that overlap by 256 bytes; a match belongs to the piece where it starts
  // before `fresh`.
  using Look =
      std::function<void(std::uintptr_t address, std::span<const std::byte> piece, std::size_t fresh)>;
  void read_all(const Look& look);
  void read_mapping(int memory, std::uintptr_t begin, std::uintptr_t end, const Look& look);

  std::string process_;
  std::span<std::byte> window_;
  std::size_t scanned_ = 0;
};

std::vector<std::byte> inverted(std::span<const std::byte> bytes);

}  // namespace claviger::crypto::testing
