// SPDX-License-Identifier: Apache-2.0
#include "base/file_trust.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

namespace claviger::base {

Result<void> check_not_writable_by_others(int fd, const std::string& path) {
  struct stat status{};
  struct statvfs volume{};
  if (::fstat(fd, &status) != 0) return Error::from_errno(Code::kInvalid, Blame::kOperator, path, errno);
  if (::fstatvfs(fd, &volume) == 0 && (volume.f_flag & ST_RDONLY) != 0) return ok();
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            path +
                                ": belongs to another user, who may change it at will; chown it to the "
                                "user that runs the gateway, or to root");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            path + ": too open: group or others may write it; chmod go-w " + path);
  return ok();
}

}  // namespace claviger::base
