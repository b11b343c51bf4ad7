// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace claviger::server {

// The right to use a data directory alone: an exclusive flock(2) on DIR/lock, which holds the pid for people to
// read. Whoever writes there takes it first: the gateway, `restore`. The file stays when the lock is gone;
// the kernel lets go of the lock with the process, however that ends.
//
// Owns: the open file; the lock ends with it.
class DataDirLock {
 public:
  // kConflict (blame: operator): "another gateway (pid 42) is using DIR: ...". kInvalid when the directory is not there or cannot
  // be written, or `lock` is not a plain file.
  static Result<DataDirLock> take(const std::string& data_dir);

  DataDirLock(DataDirLock&& other) noexcept;
  DataDirLock& operator=(DataDirLock&& other) noexcept;
  ~DataDirLock();

 private:
  explicit DataDirLock(int fd) noexcept : fd_(fd) {}
  int fd_;
};

}  // namespace claviger::server
