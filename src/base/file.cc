// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace claviger::base {

Descriptor::Descriptor(const std::string& path, int flags, mode_t mode) noexcept
    : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode)) {}

Descriptor::~Descriptor() {
  if (fd_ < 0) return;
  const int reason = errno;
  ::close(fd_);
  errno = reason;
}

bool read_all(int fd, std::size_t most, std::string& into) {
  into.clear();
  std::array<char, 16384> piece;
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    into.append(piece.data(), static_cast<std::size_t>(got));
    if (into.size() > most) break;
  }
  errno = EFBIG;
  return false;
}

bool write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put == 0) errno = EIO;  // which no file does, and which must not keep us here
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool sync_directory_of(const std::string& path) {
  const Descriptor directory(directory_of(path), O_RDONLY | O_DIRECTORY);
  return directory.is_open() && ::fsync(directory.number()) == 0;
}

}  // namespace claviger::base
