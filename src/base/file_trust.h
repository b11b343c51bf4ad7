// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace claviger::base {

// Whether nobody but this user and root can change an open file or directory that the gateway goes by: whoever may
// change resources, a CA or a key may grant what they like. It must belong to this user or root, and group and
// others must not write it; on a volume that is mounted read-only (as Kubernetes mounts ConfigMaps and
// Secrets, whatever their modes) nobody can. kInvalid says what is wrong and what to do.
Result<void> check_not_writable_by_others(int fd, const std::string& path);

}  // namespace claviger::base
