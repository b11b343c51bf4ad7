// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the desk keeps of values and places. Internal to it.

#include <sys/stat.h>

#include <string>
#include <tuple>
#include <vector>

#include "net/task.h"
#include "sources/desk.h"

namespace claviger::sources {

inline constexpr std::chrono::milliseconds kSoon{10};

// What changes with a file, or with where its name leads: Kubernetes swaps a link two steps up the path.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  timespec modified{}, changed{};
  friend bool operator==(const FileStamp& a, const FileStamp& b) noexcept {
    const auto all = [](const FileStamp& s) {
      return std::tie(s.device, s.inode, s.size, s.modified.tv_sec, s.modified.tv_nsec, s.changed.tv_sec,
                      s.changed.tv_nsec);
    };
    return all(a) == all(b);
  }
  static FileStamp of(const std::string& path) noexcept {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return {};
    return {status.st_dev, status.st_ino, status.st_size, status.st_mtim, status.st_ctim};
  }
};

struct SourceDesk::Value {
  std::string from;
  std::string part;
  Place* place = nullptr;
  std::optional<vault::Sealed> good, offered, refused;
  bool is_tried = false;  // what is offered
  std::uint32_t version = 0;
  WallTime changed{};
  WallTime read{};
  Monotonic good_at{};  // when it was last found to be what it is
  std::string fault;
  WallTime failing_since{};
};

struct SourceDesk::Place {
  vault::SourceKind kind{};
  std::string where;
  std::vector<Value*> values;
  Monotonic due{};
  unsigned failures = 0;
  bool is_busy = false;
  net::Task<void> task;
  std::optional<Lease> lease;
  Monotonic lease_ends = Monotonic::max();
  std::chrono::seconds first_lease{0};
  FileStamp stamp, seen;  // of what was read, and of the last look
};

}  // namespace claviger::sources
