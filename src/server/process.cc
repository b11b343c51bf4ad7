// SPDX-License-Identifier: Apache-2.0
#include "server/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "crypto/openssl_memory.h"
#include "server/wiping_delete.h"

namespace claviger::server {

Result<SecretMemory> prepare_process() {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::signal(SIGPIPE, SIG_IGN);
  (void)deletes_wipe();

  base::SecretArena::Options options;
  options.memory = CLV_TRY(base::secret_memory_from_environment());
  base::SecretArena* arena = CLV_TRY(base::SecretArena::create(options)).release();
  CLV_TRY_VOID(crypto::route_openssl_memory(*arena));
  return SecretMemory{*arena, CLV_TRY(vault::ProcessKey::create(*arena))};
}

void open_standard_streams() noexcept {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0)
      (void)::open("/dev/null", O_RDWR);  // takes the lowest that is free: this one
}

void raise_file_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t file_limit() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) : SIZE_MAX;
}

}  // namespace claviger::server
