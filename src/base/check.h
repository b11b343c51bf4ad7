// SPDX-License-Identifier: Apache-2.0
#pragma once

// CLV_CHECK(condition): an invariant of the gateway's own. Always on; a broken one stops the process,
// since a gateway that no longer understands itself must not go on handing out credentials.
// Never use it on anything that came from outside: untrusted input gets an Error.

namespace claviger::base {
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;
}  // namespace claviger::base

#define CLV_CHECK(condition)                         \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::claviger::base::check_failed(#condition, __FILE_NAME__, __LINE__))
