// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit/note.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace claviger::audit {

// A log, or a copy of one, as somebody who only reads it sees it: nothing is locked, made or mended.

class ReadOnlyFile {
 public:
  // kNotFound when there is none, kIo when it cannot be read; a regular file is wanted.
  static Result<ReadOnlyFile> open(const std::string& path);
  ReadOnlyFile(ReadOnlyFile&& other) noexcept;
  ReadOnlyFile& operator=(ReadOnlyFile&& other) noexcept;
  ~ReadOnlyFile();

  std::uint64_t size() const noexcept { return size_; }  // when it was opened
  // Fills `into`, or as much as there is up to `size()`.
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) const;

 private:
  ReadOnlyFile(int fd, std::uint64_t size, std::string path);
  int fd_;
  std::uint64_t size_;
  std::string path_;
};

// The whole of a small file. kNotFound; kInvalid when it is larger than `most`.
Result<std::string> read_small_file(const std::string& path, std::size_t most);

struct Segment {
  std::string name;
  std::uint64_t first_event = 0;
};
// The segments of a directory, in order.
Result<std::vector<Segment>> list_segments(const std::string& directory);

// The checkpoints of a segment; nothing when there are none. Those of a log that is older than segments lie in one file,
// which has no number.
Result<std::optional<ReadOnlyFile>> open_checkpoints(const std::string& directory, std::uint64_t first_event);

// The hashes beside a segment. They are what lets a line be named; a copy may lack them.
class Leaves {
 public:
  explicit Leaves(std::optional<ReadOnlyFile> file) : file_(std::move(file)) {}

  std::uint64_t count() const noexcept;
  // Of the event `index` of the segment; nothing behind the end. Cheap when asked for in order.
  Result<std::optional<crypto::Sha256Digest>> at(std::uint64_t index);
  // The first index from `from` on, below `to`, that has this hash.
  Result<std::optional<std::uint64_t>> find(const crypto::Sha256Digest& hash, std::uint64_t from,
                                            std::uint64_t to);
  void forget() noexcept { file_.reset(); }

 private:
  static constexpr std::size_t kBlock = 4096;
  std::optional<ReadOnlyFile> file_;
  std::vector<crypto::Sha256Digest> block_;
  std::uint64_t block_begin_ = 0;
};

}  // namespace claviger::audit
