// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace claviger::base {

// What files need that must not be lost, half written, or left open. What fails leaves errno as the system call did:
// callers know the error's code, and what they were doing.

// Owns: an open file descriptor, or none. Closing it leaves errno alone.
class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  // open(2), with O_CLOEXEC and O_NOCTTY.
  Descriptor(const std::string& path, int flags, mode_t mode = 0) noexcept;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();

  int number() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// read(2) to the end, whatever signals come in between, into what is replaced. EFBIG when it is more than `most` bytes;
// what is left is not read.
bool read_all(int fd, std::size_t most, std::string& into);

// write(2) until all of it is written, whatever signals come in between.
bool write_all(int fd, std::string_view bytes) noexcept;

// "." where there is no '/' in it.
std::string directory_of(const std::string& path);

// A file's name is durable only when its directory is synced; the file's own sync does not do it.
bool sync_directory_of(const std::string& path);

}  // namespace claviger::base
