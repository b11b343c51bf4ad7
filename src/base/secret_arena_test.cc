// SPDX-License-Identifier: Apache-2.0
#include "base/secret_arena.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

namespace claviger::base {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Looks at memory that AddressSanitizer has been told nobody may look at.
__attribute__((no_sanitize("address"))) bool all_zero(const void* block, std::size_t size) {
  const volatile unsigned char* const bytes = static_cast<const volatile unsigned char*>(block);
  for (std::size_t i = 0; i < size; ++i) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

// The block of /proc/self/smaps that describes the mapping `address` lies in.
std::string smaps_of(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::string block;
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    char dash = 0;
    std::istringstream head(line);
    if (head >> std::hex >> from >> dash >> to && dash == '-') inside = from <= wanted && wanted < to;
    if (inside) block += line + "\n";
  }
  return block;
}

class EveryMemory : public ::testing::TestWithParam<SecretArena::Memory> {
 protected:
  void SetUp() override {
    auto made = SecretArena::create({.memory = GetParam(), .limit = 8 * kMiB});
    if (!made.has_value() && GetParam() == SecretArena::Memory::kMemfd) GTEST_SKIP() << made.error().what();
    ASSERT_TRUE(made.has_value()) << made.error().what();
    arena_ = *std::move(made);
  }
  std::unique_ptr<SecretArena> arena_;
};

INSTANTIATE_TEST_SUITE_P(SecretArena, EveryMemory,
                         ::testing::Values(SecretArena::Memory::kMemfd, SecretArena::Memory::kLocked),
                         [](const auto& which) {
                           return which.param == SecretArena::Memory::kMemfd ? "Memfd" : "Locked";
                         });

TEST_P(EveryMemory, SaysWhichMemoryIsInUse) { EXPECT_EQ(arena_->memory(), GetParam()); }

TEST_P(EveryMemory, HandsOutZeroedAlignedBlocksOfEverySize) {
  for (std::size_t size :
       {0UL, 1UL, 31UL, 32UL, 33UL, 48UL, 49UL, 1000UL, 65536UL, 65537UL, 100000UL, kMiB}) {
    void* const block = arena_->allocate(size);
    ASSERT_NE(block, nullptr) << size;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0U) << size;
    EXPECT_GE(arena_->size_of(block), size);
    EXPECT_LE(arena_->size_of(block), std::max<std::size_t>(32, size + size / 2)) << size;
    EXPECT_TRUE(all_zero(block, arena_->size_of(block))) << size;
    std::memset(block, 0xa5, arena_->size_of(block));
    arena_->release(block);
  }
}

TEST_P(EveryMemory, RefusesMoreThanAMebibyteAtOnce) { EXPECT_EQ(arena_->allocate(kMiB + 1), nullptr); }

TEST_P(EveryMemory, WipesABlockWhenItIsReleased) {
  void* const block = arena_->allocate(4096);
  std::memset(block, 0x5a, arena_->size_of(block));
  arena_->release(block);
  EXPECT_TRUE(all_zero(block, 4096));
}

TEST_P(EveryMemory, HandsAReleasedBlockOutAgainZeroed) {
  void* const first = arena_->allocate(64);
  std::memset(first, 0x5a, 64);
  arena_->release(first);
  void* const second = arena_->allocate(64);
  EXPECT_EQ(second, first);
  EXPECT_TRUE(all_zero(second, 64));
  arena_->release(second);
}

TEST_P(EveryMemory, TellsItsBlocksFromTheHeap) {
  const auto on_heap = std::make_unique<int>(1);
  void* const block = arena_->allocate(32);
  EXPECT_TRUE(arena_->contains(block));
  EXPECT_FALSE(arena_->contains(on_heap.get()));
  EXPECT_FALSE(arena_->contains(&block));
  EXPECT_FALSE(arena_->contains(nullptr));
  arena_->release(block);
}

TEST_P(EveryMemory, StopsAtItsLimitAndRecoversWhenBlocksComeBack) {
  std::vector<void*> blocks;
  while (void* const block = arena_->allocate(kMiB)) blocks.push_back(block);
  EXPECT_EQ(blocks.size(), 8U);
  EXPECT_EQ(arena_->usage().in_use, 8 * kMiB);
  EXPECT_LE(arena_->usage().mapped, arena_->usage().limit);
  arena_->release(blocks.back());
  blocks.back() = arena_->allocate(kMiB);
  EXPECT_NE(blocks.back(), nullptr);
  for (void* const block : blocks) arena_->release(block);
  EXPECT_EQ(arena_->usage().in_use, 0U);
}

TEST_P(EveryMemory, LendsWhatOneSizeLeavesToAnother) {
  for (const std::size_t size : {std::size_t{32}, kMiB, std::size_t{1024}, std::size_t{96} << 10}) {
    std::vector<void*> blocks;
    while (void* const block = arena_->allocate(size)) blocks.push_back(block);
    EXPECT_GE(blocks.size() * size, 3 * kMiB) << size;
    for (void* const block : blocks) {
      EXPECT_TRUE(all_zero(block, size)) << size;
      std::memset(block, 0x5a, size);
    }
    for (void* const block : blocks) arena_->release(block);
  }
  EXPECT_EQ(arena_->usage().in_use, 0U);
}

TEST_P(EveryMemory, KeepsLiveBlocksWhereTheyAreWhenItRedealsTheRest) {
  auto* const kept = static_cast<unsigned char*>(arena_->allocate(64));
  std::memset(kept, 0x77, 64);
  std::vector<void*> blocks;
  while (void* const block = arena_->allocate(1024)) blocks.push_back(block);
  for (void* const block : blocks) arena_->release(block);
  blocks.clear();
  while (void* const block = arena_->allocate(kMiB)) blocks.push_back(block);
  EXPECT_EQ(blocks.size(), 7U);
  EXPECT_EQ(arena_->size_of(kept), 64U);
  EXPECT_EQ(kept[63], 0x77);
  arena_->release(kept);
  for (void* const block : blocks) arena_->release(block);
}

TEST_P(EveryMemory, TakesPagesOnlyAsTheyAreNeeded) {
  EXPECT_LE(arena_->usage().mapped, 128U << 10);
  void* const block = arena_->allocate(kMiB);
  EXPECT_GE(arena_->usage().mapped, kMiB);
  EXPECT_LE(arena_->usage().mapped, kMiB + (128U << 10));
  arena_->release(block);
}

TEST_P(EveryMemory, IsLockedUndumpableAndNotInherited) {
  void* const block = arena_->allocate(32);
  const std::string smaps = smaps_of(block);
  const std::size_t flags = smaps.find("VmFlags:");
  ASSERT_NE(flags, std::string::npos) << smaps;
  for (const char* const flag : {" lo", " dd", " dc"}) {
    EXPECT_NE(smaps.find(flag, flags), std::string::npos) << flag << " of " << smaps;
  }
  EXPECT_EQ(smaps.find("/secretmem") != std::string::npos, GetParam() == SecretArena::Memory::kMemfd);
  arena_->release(block);
}

// A model of what is live, against which thousands of random calls are held: no overlap, nothing lost.
TEST_P(EveryMemory, KeepsBlocksApartThroughRandomUse) {
  std::mt19937 random(20260101);
  std::map<unsigned char*, std::pair<std::size_t, unsigned char>> live;
  for (int step = 0; step < 5000; ++step) {
    if (live.size() < 100 && random() % 2 == 0) {
      const std::size_t size = 1 + random() % (random() % 20 == 0 ? 200000 : 2000);
      auto* const block = static_cast<unsigned char*>(arena_->allocate(size));
      if (block == nullptr) continue;
      const auto mark = static_cast<unsigned char>(1 + step % 255);
      std::memset(block, mark, arena_->size_of(block));
      live.emplace(block, std::pair(size, mark));
    } else if (!live.empty()) {
      const auto chosen = std::next(live.begin(), static_cast<std::ptrdiff_t>(random() % live.size()));
      const auto [size, mark] = chosen->second;
      for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(chosen->first[i], mark);
      arena_->release(chosen->first);
      live.erase(chosen);
    }
  }
  for (const auto& [block, unused] : live) arena_->release(block);
  EXPECT_EQ(arena_->usage().in_use, 0U);
}

TEST_P(EveryMemory, ServesManyThreads) {
  std::vector<std::jthread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([this, number] {
      for (std::size_t i = 0; i < 2000; ++i) {
        auto* const block = static_cast<unsigned char*>(arena_->allocate(32 + i % 512));
        ASSERT_NE(block, nullptr);
        std::memset(block, number + 1, 32);
        ASSERT_EQ(block[31], number + 1);
        arena_->release(block);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(arena_->usage().in_use, 0U);
}

using EveryMemoryDeathTest = EveryMemory;
INSTANTIATE_TEST_SUITE_P(SecretArena, EveryMemoryDeathTest, ::testing::Values(SecretArena::Memory::kLocked));

// The child makes an arena of its own: it does not inherit one.
TEST_P(EveryMemoryDeathTest, StopsTheProcessOnADoubleReleaseOrAStrayPointer) {
  const auto fresh = [] { return *SecretArena::create({.memory = GetParam(), .limit = kMiB}); };
  EXPECT_DEATH(
      {
        const auto own = fresh();
        void* const block = own->allocate(32);
        own->release(block);
        own->release(block);
      },
      "broken invariant");
  EXPECT_DEATH(
      {
        const auto own = fresh();
        own->release(static_cast<std::byte*>(own->allocate(64)) + 16);
      },
      "broken invariant");
  EXPECT_DEATH(fresh()->release(&arena_), "broken invariant");
}

TEST_P(EveryMemoryDeathTest, IsAbsentFromAForkedChild) {
  volatile char* const block = static_cast<char*>(arena_->allocate(32));
  EXPECT_DEATH(*block = 1, "");
  arena_->release(const_cast<char*>(block));
}

// Gives up CAP_IPC_LOCK, so that the limit holds for root as well.
void live_under_memlock_limit(rlim_t bytes) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  if (::syscall(SYS_capget, &header, data) != 0) std::_Exit(2);
  data[0].effective &= ~(1U << CAP_IPC_LOCK);
  if (::syscall(SYS_capset, &header, data) != 0) std::_Exit(3);
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0) std::_Exit(4);
}

TEST(SecretArenaDeathTest, LowersItsLimitToWhatMayBeLocked) {
  EXPECT_EXIT(
      {
        live_under_memlock_limit(kMiB);
        const auto arena = *SecretArena::create({.memory = SecretArena::Memory::kLocked, .limit = 64 * kMiB});
        std::size_t blocks = 0;
        while (arena->allocate(65536) != nullptr) ++blocks;
        std::fprintf(stderr, "limit %zu blocks %zu\n", arena->usage().limit, blocks);
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "limit 1048576 blocks 16");
}

TEST(SecretArenaDeathTest, SaysWhichLimitToRaiseWhenNothingMayBeLocked) {
  for (const auto memory : {SecretArena::Memory::kAuto, SecretArena::Memory::kLocked}) {
    EXPECT_EXIT(
        {
          live_under_memlock_limit(4096);
          const auto arena = SecretArena::create({.memory = memory});
          if (arena.has_value() || arena.error().code() != Code::kUnavailable) std::_Exit(5);
          std::fprintf(stderr, "%s\n", std::string(arena.error().what()).c_str());
          std::_Exit(0);
        },
        ::testing::ExitedWithCode(0), "raise RLIMIT_MEMLOCK");
  }
}

TEST(SecretArena, RefusesAnAbsurdLimit) {
  EXPECT_EQ(SecretArena::create({.limit = 0}).error().code(), Code::kInvalid);
  EXPECT_EQ(SecretArena::create({.limit = SIZE_MAX}).error().code(), Code::kInvalid);
}

TEST(SecretArena, ReadsTheWishForItsMemoryFromTheEnvironment) {
  // NOLINTBEGIN(concurrency-mt-unsafe): no other thread runs
  const auto with = [](const char* value) {
    ::setenv("CLAVIGER_SECRET_MEMORY", value, 1);
    auto memory = secret_memory_from_environment();
    ::unsetenv("CLAVIGER_SECRET_MEMORY");
    return memory;
  };
  ::unsetenv("CLAVIGER_SECRET_MEMORY");
  // NOLINTEND(concurrency-mt-unsafe)
  EXPECT_EQ(*secret_memory_from_environment(), SecretArena::Memory::kAuto);
  EXPECT_EQ(*with("memfd"), SecretArena::Memory::kMemfd);
  EXPECT_EQ(*with("locked"), SecretArena::Memory::kLocked);
  for (const char* const wrong : {"", "Memfd", "auto", "locked "}) {
    EXPECT_EQ(with(wrong).error().code(), Code::kInvalid) << wrong;
  }
}

}  // namespace
}  // namespace claviger::base
