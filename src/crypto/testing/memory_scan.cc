// SPDX-License-Identifier: Apache-2.0
#include "crypto/testing/memory_scan.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "base/check.h"
#include "base/secret_arena.h"
#include "crypto/testing/aes_schedule.h"

namespace claviger::crypto::testing {
namespace {

constexpr std::size_t kOverlap = 256;
constexpr std::size_t kWindow = (std::size_t{1} << 20) + kOverlap;
// A sanitizer's shadow memory is hundreds of megabytes to terabytes that hold no data of the program's.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uintptr_t kLargest = std::uintptr_t{128} << 20;
#else
constexpr std::uintptr_t kLargest = UINTPTR_MAX;
#endif

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool writable = false;
};

// "7f0000000000-7f0000001000 rw-p ..."
Mapping parse_mapping(const std::string& line) {
  Mapping mapping;
  const char* const stop = line.data() + line.size();
  const auto first = std::from_chars(line.data(), stop, mapping.begin, 16);
  const auto second = std::from_chars(std::min(first.ptr + 1, stop), stop, mapping.end, 16);
  mapping.writable = std::string_view(second.ptr, stop).starts_with(" rw");
  return mapping;
}

std::vector<Mapping> writable_mappings(const std::string& process) {
  std::vector<Mapping> mappings;
  std::ifstream maps("/proc/" + process + "/maps");
  CLV_CHECK(maps.is_open());
  for (std::string line; std::getline(maps, line);) {
    const Mapping mapping = parse_mapping(line);
    const bool is_shadow = mapping.end - mapping.begin > kLargest;
    if (mapping.writable && !is_shadow) mappings.push_back(mapping);
  }
  return mappings;
}

// The first place from `from` on where the first eight bytes fit. Runs over all of memory, so without
// AddressSanitizer's checks.
__attribute__((no_sanitize("address", "undefined", "thread"))) std::size_t next_candidate(
    std::span<const std::byte> piece, std::size_t from, std::span<const std::byte> inverted) {
  std::uint64_t wanted;
  __builtin_memcpy(&wanted, inverted.data(), sizeof(wanted));
  const std::byte* const data = piece.data();
  const std::size_t size = piece.size();
  for (std::size_t at = from; at + sizeof(wanted) <= size; ++at) {
    std::uint64_t word;
    __builtin_memcpy(&word, data + at, sizeof(word));
    if (~word == wanted) return at;
  }
  return size;
}

}  // namespace

MemoryScan::MemoryScan(const std::string& process) : process_(process) {
  void* const window = ::mmap(nullptr, kWindow, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CLV_CHECK(window != MAP_FAILED);
  window_ = {static_cast<std::byte*>(window), kWindow};
}

MemoryScan::~MemoryScan() { ::munmap(window_.data(), window_.size()); }

std::vector<std::uintptr_t> MemoryScan::find(std::span<const std::byte> inverted) {
  CLV_CHECK(inverted.size() >= sizeof(std::uint64_t) && inverted.size() <= kOverlap);
  std::vector<std::uintptr_t> found;
  read_all([&](std::uintptr_t address, std::span<const std::byte> piece, std::size_t fresh) {
    const auto is_inverse = [](std::byte a, std::byte b) { return a == ~b; };
    for (std::size_t at = next_candidate(piece, 0, inverted); at < fresh;
         at = next_candidate(piece, at + 1, inverted)) {
      const auto rest = piece.subspan(at);
      if (rest.size() >= inverted.size() &&
          std::ranges::equal(rest.first(inverted.size()), inverted, is_inverse)) {
        found.push_back(address + at);
      }
    }
  });
  return found;
}

std::vector<MemoryScan::Schedule> MemoryScan::find_aes_schedules() {
  std::vector<Schedule> found;
  read_all([&](std::uintptr_t address, std::span<const std::byte> piece, std::size_t fresh) {
    for (std::size_t at = next_aes_candidate(piece, 0); at < fresh; at = next_aes_candidate(piece, at + 4)) {
      const unsigned bits = aes_schedule_at(piece.subspan(at));
      if (bits != 0) found.push_back({.address = address + at, .bits = bits});
    }
  });
  return found;
}

void MemoryScan::read_all(const Look& look) {
  scanned_ = 0;
  const int memory = ::open(("/proc/" + process_ + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  CLV_CHECK(memory >= 0);
  const auto window_begin = reinterpret_cast<std::uintptr_t>(window_.data());
  const std::uintptr_t window_end = window_begin + window_.size();
  const bool is_self = process_ == "self";
  for (const Mapping& mapping : writable_mappings(process_)) {
    // The kernel may have merged the window with its neighbours.
    if (is_self && mapping.begin <= window_begin && window_end <= mapping.end) {
      read_mapping(memory, mapping.begin, window_begin, look);
      read_mapping(memory, window_end, mapping.end, look);
    } else {
      read_mapping(memory, mapping.begin, mapping.end, look);
    }
  }
  ::close(memory);
  base::wipe(window_.data(), window_.size());
}

void MemoryScan::read_mapping(int memory, std::uintptr_t begin, std::uintptr_t end, const Look& look) {
  for (std::uintptr_t at = begin; at < end;) {
    const std::size_t wanted = std::min<std::size_t>(end - at, window_.size());
    const ssize_t got = ::pread(memory, window_.data(), wanted, static_cast<off_t>(at));
    if (got <= 0) return;  // device memory, memfd_secret
    const auto size = static_cast<std::size_t>(got);
    const bool is_last = at + size == end || size <= kOverlap;
    const std::size_t fresh = is_last ? size : size - kOverlap;
    look(at, window_.first(size), fresh);
    scanned_ += fresh;
    at += fresh;
  }
}

std::vector<std::byte> inverted(std::span<const std::byte> bytes) {
  std::vector<std::byte> result(bytes.size());
  std::ranges::transform(bytes, result.begin(), [](std::byte byte) { return ~byte; });
  return result;
}

}  // namespace claviger::crypto::testing
