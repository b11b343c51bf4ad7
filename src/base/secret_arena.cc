// SPDX-License-Identifier: Apache-2.0
#include "base/secret_arena.h"

#include <sanitizer/asan_interface.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/secret_pages.h"

namespace claviger::base {
namespace {

constexpr std::size_t kChunk = SecretPages::kChunk;
constexpr std::size_t kMinBlock = 32;
constexpr std::size_t kMaxBlock = std::size_t{1} << 20;

// Block sizes: 32, 48, 64, 96, 128, ... 1 MiB. Powers of two have even numbers, those between odd ones.
constexpr std::size_t class_of(std::size_t size) noexcept {
  if (size <= kMinBlock) return 0;
  const std::size_t power = std::bit_ceil(size);
  const auto number = static_cast<std::size_t>(std::countr_zero(power) - std::countr_zero(kMinBlock)) * 2;
  return size <= power / 4 * 3 ? number - 1 : number;
}

constexpr std::size_t block_size(std::size_t number) noexcept {
  const std::size_t power = kMinBlock << (number / 2);
  return number % 2 == 0 ? power : power / 2 * 3;
}

// Chunks that a class takes at a time, and what they hold.
constexpr std::size_t run_of(std::size_t number) noexcept {
  return (block_size(number) + kChunk - 1) / kChunk;
}
constexpr std::size_t blocks_in_run(std::size_t number) noexcept {
  return run_of(number) * kChunk / block_size(number);
}

constexpr std::size_t kClasses = class_of(kMaxBlock) + 1;

static_assert(class_of(33) == 1 && block_size(1) == 48 && class_of(49) == 2 && block_size(2) == 64);
static_assert(block_size(kClasses - 1) == kMaxBlock);

}  // namespace

// All bookkeeping lies on the heap, none in the secret pages: writing to a released block cannot lead the
// arena astray. A run of chunks serves blocks of one size class, so that a block's size follows from its
// address, without the mutex as long as the block is live. Only when no chunk is left do runs without
// live blocks go back to be dealt out anew.
struct SecretArena::State {
  struct Chunk {
    static constexpr std::uint8_t kUnused = 0xff;
    std::uint8_t size_class = kUnused;
    std::vector<bool> live;  // one for each block; empty in the later chunks of a run
    std::size_t live_count = 0;
  };

  explicit State(SecretPages secret_pages) : pages(std::move(secret_pages)), chunks(pages.limit() / kChunk) {}

  bool take_run(std::size_t number);
  std::size_t find_unused(std::size_t run) const noexcept;  // kNone where there is none
  void reclaim_idle_runs();
  std::size_t index_in_chunk(const void* block) const noexcept;
  Chunk& chunk_of(const void* block) noexcept { return chunks[pages.offset_of(block) / kChunk]; }

  static constexpr std::size_t kNone = SIZE_MAX;
  SecretPages pages;
  mutable std::mutex mutex;
  std::vector<Chunk> chunks;  // never resized
  std::array<std::vector<std::byte*>, kClasses> free;
  std::array<std::size_t, kClasses> blocks{};  // in all runs of the class: what `free` has room for
  std::size_t in_use = 0;
};

// Gives the class a new run of pages, and with it blocks to hand out.
bool SecretArena::State::take_run(std::size_t number) {
  const std::size_t run = run_of(number);
  std::size_t first = find_unused(run);
  if (first == kNone) {
    reclaim_idle_runs();
    first = find_unused(run);
  }
  if (first == kNone || !pages.map((first + run) * kChunk)) return false;

  std::byte* const begin = pages.begin() + first * kChunk;
  const std::size_t count = blocks_in_run(number);
  blocks[number] += count;
  free[number].reserve(blocks[number]);
  for (std::size_t i = count; i-- > 0;) free[number].push_back(begin + i * block_size(number));
  for (std::size_t i = 0; i < run; ++i) chunks[first + i].size_class = static_cast<std::uint8_t>(number);
  chunks[first].live.assign(count, false);
  ASAN_POISON_MEMORY_REGION(begin, run * kChunk);
  return true;
}

std::size_t SecretArena::State::find_unused(std::size_t run) const noexcept {
  std::size_t length = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    length = chunks[i].size_class == Chunk::kUnused ? length + 1 : 0;
    if (length == run) return i + 1 - run;
  }
  return kNone;
}

// Their blocks are all released, and so wiped.
void SecretArena::State::reclaim_idle_runs() {
  for (std::size_t i = 0; i < chunks.size();) {
    if (chunks[i].size_class == Chunk::kUnused) {
      ++i;
      continue;
    }
    const std::size_t number = chunks[i].size_class;
    const std::size_t run = run_of(number);
    if (chunks[i].live_count == 0) {
      blocks[number] -= blocks_in_run(number);
      for (std::size_t k = i; k < i + run; ++k) chunks[k] = Chunk();
    }
    i += run;
  }
  for (std::vector<std::byte*>& blocks_of_class : free) {
    std::erase_if(blocks_of_class,
                  [&](std::byte* block) { return chunk_of(block).size_class == Chunk::kUnused; });
  }
}

// A run of more than one chunk holds a single block (see the sizes), so no block starts in a later chunk.
std::size_t SecretArena::State::index_in_chunk(const void* block) const noexcept {
  const std::size_t offset = pages.offset_of(block);
  const Chunk& chunk = chunks[offset / kChunk];
  CLV_CHECK(chunk.size_class != Chunk::kUnused);
  // In 32 bits, in which a division is quick.
  const auto size = static_cast<std::uint32_t>(block_size(chunk.size_class));
  const auto place = static_cast<std::uint32_t>(offset % kChunk);
  const std::uint32_t index = place / size;
  CLV_CHECK(index * size == place && index < chunk.live.size());
  return index;
}

SecretArena::SecretArena(std::unique_ptr<State> state) : state_(std::move(state)) {}

SecretArena::~SecretArena() { ASAN_UNPOISON_MEMORY_REGION(state_->pages.begin(), state_->pages.mapped()); }

Result<std::unique_ptr<SecretArena>> SecretArena::create(Options options) {
  SecretPages pages = CLV_TRY(SecretPages::reserve(options));
  return std::unique_ptr<SecretArena>(new SecretArena(std::make_unique<State>(std::move(pages))));
}

void* SecretArena::allocate(std::size_t size) noexcept {
  if (size > kMaxBlock) return nullptr;
  const std::size_t number = class_of(size);
  const std::scoped_lock lock(state_->mutex);
  std::vector<std::byte*>& free = state_->free[number];
  if (free.empty() && !state_->take_run(number)) return nullptr;
  std::byte* const block = free.back();
  free.pop_back();
  State::Chunk& chunk = state_->chunk_of(block);
  chunk.live[state_->index_in_chunk(block)] = true;
  ++chunk.live_count;
  state_->in_use += block_size(number);
  ASAN_UNPOISON_MEMORY_REGION(block, block_size(number));
  return block;
}

void SecretArena::release(void* block) noexcept {
  CLV_CHECK(contains(block));
  const std::scoped_lock lock(state_->mutex);
  State::Chunk& chunk = state_->chunk_of(block);
  const std::size_t index = state_->index_in_chunk(block);
  CLV_CHECK(chunk.live[index]);  // else released twice
  const std::size_t size = block_size(chunk.size_class);
  wipe(block, size);
  ASAN_POISON_MEMORY_REGION(block, size);
  chunk.live[index] = false;
  --chunk.live_count;
  state_->free[chunk.size_class].push_back(static_cast<std::byte*>(block));  // room reserved by take_run
  state_->in_use -= size;
}

bool SecretArena::contains(const void* address) const noexcept { return state_->pages.contains(address); }

std::size_t SecretArena::size_of(const void* block) const noexcept {
  CLV_CHECK(contains(block));
  const State::Chunk& chunk = state_->chunk_of(block);
  CLV_CHECK(chunk.size_class != State::Chunk::kUnused);
  return block_size(chunk.size_class);
}

SecretArena::Memory SecretArena::memory() const noexcept { return state_->pages.memory(); }

SecretArena::Usage SecretArena::usage() const noexcept {
  const std::scoped_lock lock(state_->mutex);
  return {.in_use = state_->in_use, .mapped = state_->pages.mapped(), .limit = state_->pages.limit()};
}

Result<SecretArena::Memory> secret_memory_from_environment() {
  const char* const value = std::getenv("CLAVIGER_SECRET_MEMORY");  // NOLINT(concurrency-mt-unsafe): at start
  if (value == nullptr) return SecretArena::Memory::kAuto;
  if (std::string_view(value) == "memfd") return SecretArena::Memory::kMemfd;
  if (std::string_view(value) == "locked") return SecretArena::Memory::kLocked;
  return Error(Code::kInvalid, Blame::kOperator, "CLAVIGER_SECRET_MEMORY: neither memfd nor locked");
}

void wipe(void* data, std::size_t size) noexcept {
  if (size != 0) ::explicit_bzero(data, size);
}

}  // namespace claviger::base
