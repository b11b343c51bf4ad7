// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "base/file.h"
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

 private:
  explicit DataDirLock(base::Descriptor file) noexcept : file_(std::move(file)) {}
  base::Descriptor file_;
};

}  // namespace claviger::server
