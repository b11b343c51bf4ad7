// SPDX-License-Identifier: Apache-2.0
// open_credential ROUNDS: what it costs to open a sealed credential for a call, and to wipe it again, as a worker does; a line for each
// round and size, "BYTES NANOSECONDS", of CPU time. The secrets are none.

#include <ctime>

#include <charconv>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/secret_arena.h"
#include "base/secret_bytes.h"
#include "vault/process_key.h"

namespace claviger {
namespace {

constexpr int kMostRounds = 1000;
constexpr int kOpenings = 100'000;  // of a round, for each size
constexpr std::size_t kSizes[] = {24, 64, 164, 1024};  // an API key is 164 bytes at most, a JWT some 1,000

double cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

Result<double> time_of(vault::Opener& opener, const vault::Sealed& sealed, std::span<std::byte> out) {
  const double begin = cpu_ns();
  for (int i = 0; i < kOpenings; ++i) {
    CLV_TRY_VOID(opener.open(sealed, out));
    base::wipe(out.data(), out.size());
  }
  return (cpu_ns() - begin) / kOpenings;
}

Result<void> run(int rounds) {
  const auto arena = CLV_TRY(base::SecretArena::create(
      {.memory = base::SecretArena::Memory::kLocked, .limit = std::size_t{1} << 20}));
  const auto key = CLV_TRY(vault::ProcessKey::create(*arena));
  vault::Opener opener = CLV_TRY(key->make_opener());
  for (int round = 0; round < rounds; ++round) {
    for (const std::size_t size : kSizes) {
      const std::vector<std::byte> plain(size, std::byte{'x'});
      const vault::Sealed sealed = key->seal(plain, "payments-main to https://api.payments.example:443");
      base::SecretBytes out = CLV_TRY(base::SecretBytes::allocate(*arena, size));
      std::printf("%zu %.1f\n", size, CLV_TRY(time_of(opener, sealed, out.reveal())));
    }
  }
  return ok();
}

int main(std::span<char*> arguments) {
  int rounds = 0;
  const std::string_view text = arguments.size() == 2 ? arguments[1] : "";
  std::from_chars(text.data(), text.data() + text.size(), rounds);
  if (rounds < 1 || rounds > kMostRounds) {
    std::fprintf(stderr, "usage: open_credential ROUNDS\n");
    return 2;
  }
  const Result<void> done = run(rounds);
  if (!done.has_value())
    std::fprintf(stderr, "%.*s\n", static_cast<int>(done.error().what().size()), done.error().what().data());
  return done.has_value() ? 0 : 1;
}

}  // namespace
}  // namespace claviger

int main(int count, char** values) { return claviger::main({values, static_cast<std::size_t>(count)}); }
