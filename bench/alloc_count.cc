// SPDX-License-Identifier: Apache-2.0
// Counts heap allocations by the address they are asked from, for bench/run.py. To be preloaded:
//
//   CLV_ALLOC_COUNT_FILE=counts LD_PRELOAD=build/release/alloc_count.so nginx ...
//
// The file is a table of Slots that every process of the program shares; the reader names the
// addresses with /proc/PID/maps and a symboliser. `operator new` is counted for its own caller rather than as
// a malloc of libstdc++'s. Frees are not counted: in steady state they equal the allocations.
//
// Threads: any. Allocates nothing.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

struct Slot {
  std::atomic<std::uint64_t> address;  // 0: free
  std::atomic<std::uint64_t> calls;
  std::atomic<std::uint64_t> bytes;
};
constexpr std::size_t kSlots = 8192;  // bench/harness/allocations.py knows this number
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(Slot) == 24);

std::atomic<Slot*> table{nullptr};

// The last slot takes what finds no other, under address 1.
void count(void* caller, std::size_t bytes) noexcept {
  Slot* slots = table.load(std::memory_order_acquire);
  if (slots == nullptr) return;
  const auto address = reinterpret_cast<std::uint64_t>(caller);
  std::size_t at = (address * 0x9e3779b97f4a7c15ULL >> 32) % (kSlots - 1);
  for (std::size_t probe = 0; probe < 64; ++probe, at = (at + 1) % (kSlots - 1)) {
    std::uint64_t seen = slots[at].address.load(std::memory_order_relaxed);
    if (seen == 0 && slots[at].address.compare_exchange_strong(seen, address)) seen = address;
    if (seen != address) continue;
    slots[at].calls.fetch_add(1, std::memory_order_relaxed);
    slots[at].bytes.fetch_add(bytes, std::memory_order_relaxed);
    return;
  }
  slots[kSlots - 1].address.store(1, std::memory_order_relaxed);
  slots[kSlots - 1].calls.fetch_add(1, std::memory_order_relaxed);
}

__attribute__((constructor)) void open_table() {
  const char* path = std::getenv("CLV_ALLOC_COUNT_FILE");
  if (path == nullptr) return;
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  constexpr std::size_t size = kSlots * sizeof(Slot);
  if (ftruncate(fd, size) == 0) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory != MAP_FAILED) table.store(static_cast<Slot*>(memory), std::memory_order_release);
  }
  close(fd);
}

void* aligned(std::size_t alignment, std::size_t size) {
  return __libc_memalign(alignment, size == 0 ? 1 : size);
}

void* must(void* memory) {
  if (memory == nullptr) abort();  // a benchmark has no use for bad_alloc
  return memory;
}

}  // namespace

#define COUNTED(bytes) count(__builtin_return_address(0), bytes)

extern "C" {
void* malloc(std::size_t size) {
  COUNTED(size);
  return __libc_malloc(size);
}
void* calloc(std::size_t count_of, std::size_t size) {
  COUNTED(count_of * size);
  return __libc_calloc(count_of, size);
}
void* realloc(void* old, std::size_t size) {
  COUNTED(size);
  return __libc_realloc(old, size);
}
void* reallocarray(void* old, std::size_t count_of, std::size_t size) {
  COUNTED(count_of * size);
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count_of, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return __libc_realloc(old, bytes);
}
void* memalign(std::size_t alignment, std::size_t size) {
  COUNTED(size);
  return aligned(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  COUNTED(size);
  return aligned(alignment, size);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  COUNTED(size);
  *out = aligned(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}
}

using Size = std::size_t;
using Align = std::align_val_t;
using NoThrow = const std::nothrow_t&;

// clang-format off
void* operator new(Size n) { COUNTED(n); return must(__libc_malloc(n == 0 ? 1 : n)); }
void* operator new[](Size n) { COUNTED(n); return must(__libc_malloc(n == 0 ? 1 : n)); }
void* operator new(Size n, NoThrow) noexcept { COUNTED(n); return __libc_malloc(n == 0 ? 1 : n); }
void* operator new[](Size n, NoThrow) noexcept { COUNTED(n); return __libc_malloc(n == 0 ? 1 : n); }
void* operator new(Size n, Align a) { COUNTED(n); return must(aligned(static_cast<Size>(a), n)); }
void* operator new[](Size n, Align a) { COUNTED(n); return must(aligned(static_cast<Size>(a), n)); }
void* operator new(Size n, Align a, NoThrow) noexcept { COUNTED(n); return aligned(static_cast<Size>(a), n); }
void* operator new[](Size n, Align a, NoThrow) noexcept { COUNTED(n); return aligned(static_cast<Size>(a), n); }
// clang-format on
