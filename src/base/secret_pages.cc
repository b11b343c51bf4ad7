// SPDX-License-Identifier: Apache-2.0
#include "base/secret_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "base/check.h"

namespace claviger::base {
namespace {

constexpr long kMemfdSecret = 447;  // the same on every architecture; glibc 2.36 has no wrapper
constexpr int kSetVma = 0x53564d41;  // PR_SET_VMA, younger than Debian 12's headers
constexpr unsigned long kSetVmaAnonName = 0;
constexpr std::size_t kMaxReservation = std::size_t{1} << 36;

Error not_lockable(int error_number) {
  return Error::from_errno(
      Code::kUnavailable, Blame::kOperator,
      "no memory can be locked for secrets; raise RLIMIT_MEMLOCK (systemd: LimitMEMLOCK=, "
      "shell: ulimit -l, container: --ulimit memlock) to 8 MiB or more",
      error_number);
}

}  // namespace

Result<SecretPages> SecretPages::reserve(const SecretArena::Options& options) {
  if (options.limit == 0 || options.limit > kMaxReservation) {
    return Error(Code::kInvalid, Blame::kOperator,
                 "limit of secret memory: must be over 0 and at most 64 GiB");
  }
  SecretPages pages;
  CLV_TRY_VOID(pages.reserve_addresses((options.limit + kChunk - 1) / kChunk * kChunk));
  pages.lower_limit_to_what_may_be_locked();
  if (pages.limit_ == 0) return not_lockable(EAGAIN);

  if (options.memory != SecretArena::Memory::kLocked) {
    const Result<void> opened = pages.open_memfd();
    if (opened.has_value() && pages.map(kChunk)) return pages;
    if (options.memory == SecretArena::Memory::kMemfd)
      return opened.has_value() ? not_lockable(errno) : opened.error();
    if (pages.fd_ >= 0) ::close(std::exchange(pages.fd_, -1));
  }
  if (!pages.map(kChunk)) return not_lockable(errno);
  return pages;
}

Result<void> SecretPages::reserve_addresses(std::size_t size) {
  void* const address =
      ::mmap(nullptr, size + 2 * kChunk, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return Error::from_errno(Code::kUnavailable, Blame::kOperator, "reserve addresses for secrets", errno);
  }
  begin_ = static_cast<std::byte*>(address) + kChunk;
  reserved_ = size;
  limit_ = size;
  return ok();
}

// The locking calls go around libc here, since AddressSanitizer's versions of them do nothing.
//
// Tries instead of reading capabilities, since what counts is the answer: CAP_IPC_LOCK lifts the limit, but
// not in a user namespace. MLOCK_ONFAULT on inaccessible pages is checked against the limit and takes none.
void SecretPages::lower_limit_to_what_may_be_locked() noexcept {
  rlimit lockable{};
  if (::getrlimit(RLIMIT_MEMLOCK, &lockable) != 0 || lockable.rlim_cur >= limit_) return;
  if (::syscall(SYS_mlock2, begin_, limit_, MLOCK_ONFAULT) == 0) {
    CLV_CHECK(::syscall(SYS_munlock, begin_, limit_) == 0);
    return;
  }
  limit_ = std::size_t{lockable.rlim_cur} / kChunk * kChunk;
}

Result<void> SecretPages::open_memfd() {
  const long fd = ::syscall(kMemfdSecret, static_cast<unsigned>(O_CLOEXEC));
  if (fd < 0) {
    return Error::from_errno(Code::kUnavailable, Blame::kOperator,
                             "memfd_secret (set CLAVIGER_SECRET_MEMORY=locked to do without)", errno);
  }
  fd_ = static_cast<int>(fd);
  // A secret file's size can be set once only; its pages are taken when they are mapped.
  if (::ftruncate(fd_, static_cast<off_t>(limit_)) != 0) {
    return Error::from_errno(Code::kUnavailable, Blame::kOperator, "memfd_secret: set its size", errno);
  }
  return ok();
}

SecretPages::SecretPages(SecretPages&& other) noexcept
    : begin_(std::exchange(other.begin_, nullptr)),
      reserved_(other.reserved_),
      mapped_(other.mapped_),
      limit_(other.limit_),
      fd_(std::exchange(other.fd_, -1)) {}

SecretPages::~SecretPages() {
  if (begin_ != nullptr) {
    wipe(begin_, mapped_);
    CLV_CHECK(::munmap(begin_ - kChunk, reserved_ + 2 * kChunk) == 0);
  }
  if (fd_ >= 0) ::close(fd_);
}

bool SecretPages::map(std::size_t size) noexcept {
  CLV_CHECK(size % kChunk == 0 && size <= limit_);
  if (size <= mapped_) return true;
  std::byte* const window = begin_ + mapped_;
  const std::size_t more = size - mapped_;
  if (!(fd_ >= 0 ? map_memfd(window, more) : map_locked(window, more))) {
    // Back to a reservation, so that the next attempt starts from the same state.
    const int reason = errno;
    void* const undone =
        ::mmap(window, more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    CLV_CHECK(undone == window);
    errno = reason;
    return false;
  }
  mapped_ = size;
  return true;
}

// Secret files are locked and undumpable by nature.
bool SecretPages::map_memfd(std::byte* window, std::size_t size) noexcept {
  void* const mapped = ::mmap(window, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
                              fd_, static_cast<off_t>(window - begin_));
  return mapped == window && ::madvise(window, size, MADV_DONTFORK) == 0;
}

bool SecretPages::map_locked(std::byte* window, std::size_t size) noexcept {
  if (::mprotect(window, size, PROT_READ | PROT_WRITE) != 0 || ::syscall(SYS_mlock, window, size) != 0 ||
      ::madvise(window, size, MADV_DONTDUMP) != 0 || ::madvise(window, size, MADV_DONTFORK) != 0) {
    return false;
  }
  // A name for /proc/PID/maps; kernels without CONFIG_ANON_VMA_NAME refuse, which harms nobody.
  static_cast<void>(::prctl(kSetVma, kSetVmaAnonName, window, size, "claviger-secrets"));
  return true;
}

bool SecretPages::contains(const void* address) const noexcept {
  return std::less_equal<>()(static_cast<const void*>(begin_), address) &&
         std::less<>()(address, static_cast<const void*>(begin_ + limit_));
}

std::size_t SecretPages::offset_of(const void* address) const noexcept {
  return static_cast<std::size_t>(static_cast<const std::byte*>(address) - begin_);
}

}  // namespace claviger::base
