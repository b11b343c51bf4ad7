// SPDX-License-Identifier: Apache-2.0
#include "crypto/argon2.h"

#include <argon2.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <limits>

#include "base/check.h"
#include "base/secret_arena.h"

namespace claviger::crypto {
namespace {

// The arena locks up to 64 MiB, and must go on finding pages meanwhile: else a call would fail for the sake of a key.
constexpr rlim_t kLeftToOthers = rlim_t{80} << 20;

bool may_lock(std::size_t size) noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
  return limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= kLeftToOthers + size;
}

int take_pages(std::uint8_t** memory, std::size_t size) {
  void* const pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return ARGON2_MEMORY_ALLOCATION_ERROR;
  ::madvise(pages, size, MADV_DONTDUMP);
  if (may_lock(size)) ::mlock(pages, size);  // as far as possible
  *memory = static_cast<std::uint8_t*>(pages);
  return ARGON2_OK;
}

void give_pages_back(std::uint8_t* memory, std::size_t size) {
  base::wipe(memory, size);
  ::munmap(memory, size);  // unlocks them, too
}

// The library takes what it only reads by a pointer to bytes that could be written.
std::uint8_t* bytes_of(const void* data) noexcept {
  return static_cast<std::uint8_t*>(
      const_cast<void*>(data));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

}  // namespace

Result<void> argon2id(std::string_view password, std::span<const std::byte> salt, const Argon2Cost& cost,
                      std::span<std::byte> out) {
  CLV_CHECK(password.size() <= std::numeric_limits<std::uint32_t>::max());
  argon2_context context{};
  context.out = reinterpret_cast<std::uint8_t*>(out.data());
  context.outlen = static_cast<std::uint32_t>(out.size());
  context.pwd = bytes_of(password.data());
  context.pwdlen = static_cast<std::uint32_t>(password.size());
  context.salt = bytes_of(salt.data());
  context.saltlen = static_cast<std::uint32_t>(salt.size());
  context.t_cost = cost.passes;
  context.m_cost = cost.memory_kib;
  context.lanes = cost.lanes;
  context.threads = 1;  // those of a gateway have something else to do
  context.version = ARGON2_VERSION_13;
  context.allocate_cbk = take_pages;
  context.free_cbk = give_pages_back;
  context.flags = ARGON2_DEFAULT_FLAGS;
  const int outcome = argon2id_ctx(&context);
  if (outcome == ARGON2_MEMORY_ALLOCATION_ERROR)
    return Error::formatted(Code::kUnavailable, Blame::kOperator,
                            "deriving a key from a passphrase takes " +
                                std::to_string(cost.memory_kib / 1024) +
                                " MiB of memory, which are not there");
  CLV_CHECK(outcome == ARGON2_OK);
  return ok();
}

}  // namespace claviger::crypto
