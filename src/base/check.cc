// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace claviger::base {

void check_failed(const char* condition, const char* file, int line) noexcept {
  // dprintf: straight to the descriptor, so that nothing is lost in a buffer when the process stops here.
  static_cast<void>(::dprintf(2, "claviger: broken invariant at %s:%d: %s\n", file, line, condition));
  std::abort();
}

}  // namespace claviger::base
