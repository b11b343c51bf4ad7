// SPDX-License-Identifier: Apache-2.0
// The ordinary heap forgets: whatever C++ gives back is overwritten first. No secret belongs there, but callers put them into names,
// paths and documents. (M_PERTURB would do the same, but touch every page of new memory as well.)
#include "server/wiping_delete.h"

#include <malloc.h>
#include <string.h>

#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CLV_HEAP_IS_WATCHED 1  // it has operators of its own
#endif
#endif

namespace claviger::server {

#ifdef CLV_HEAP_IS_WATCHED
bool deletes_wipe() noexcept { return false; }
#else
bool deletes_wipe() noexcept { return true; }
#endif

}  // namespace claviger::server

#ifndef CLV_HEAP_IS_WATCHED

namespace {

void wipe_and_free(void* memory) noexcept {
  if (memory == nullptr) return;
  // All of the block is wiped, which may be larger than what was asked for: checks of the latter (_FORTIFY_SOURCE) are not meant.
  asm volatile("" : "+r"(memory));
  ::explicit_bzero(memory, ::malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

// libstdc++'s operators new take their memory from malloc and aligned_alloc.
void operator delete(void* memory) noexcept { wipe_and_free(memory); }
void operator delete[](void* memory) noexcept { wipe_and_free(memory); }
void operator delete(void* memory, std::size_t) noexcept { wipe_and_free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { wipe_and_free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { wipe_and_free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { wipe_and_free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { wipe_and_free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { wipe_and_free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { wipe_and_free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { wipe_and_free(memory); }

#endif
