// SPDX-License-Identifier: Apache-2.0
#include "server/process_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <string_view>

namespace claviger::server {
namespace {

constexpr auto kBetweenCounts = std::chrono::seconds(1);

// --- Descriptors ---------------------------------------------------------------------------------

std::size_t count_descriptors() noexcept {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  std::size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count < 3 ? 0 : count - 3;  // ".", ".." and the directory itself
}

// --- Memory --------------------------------------------------------------------------------------

// The number at the beginning of a file; the most there is where there is none ("max", no such file).
std::uint64_t read_limit(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : UINT64_MAX;
}

std::uint64_t machine_memory(const std::string& root) {
  std::ifstream file(root + "/proc/meminfo");
  for (std::string word; file >> word;) {
    std::uint64_t kilobytes = 0;
    if (word == "MemTotal:" && file >> kilobytes) return kilobytes << 10;
  }
  return UINT64_MAX;
}

// A limit holds for whatever is below it. In a container the path that /proc shows may lead nowhere, and the limit stands
// at the top.
std::uint64_t least_up_the_tree(const std::string& top, std::string path, std::string_view file) {
  std::uint64_t least = UINT64_MAX;
  for (;;) {
    least = std::min(least, read_limit(top + path + "/" + std::string(file)));
    const std::size_t slash = path.rfind('/');
    if (path.empty() || slash == std::string::npos) return least;
    path.resize(slash);
  }
}

bool names_memory(std::string_view controllers) noexcept {
  while (!controllers.empty()) {
    const std::size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == "memory") return true;
    controllers.remove_prefix(comma == std::string_view::npos ? controllers.size() : comma + 1);
  }
  return false;
}

// Lines of /proc/self/cgroup: "0::/path" (v2), "9:memory:/path" (v1).
std::uint64_t cgroup_memory(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::uint64_t least = UINT64_MAX;
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string path = line.substr(second + 1);
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (controllers.empty())
      least = std::min(least, least_up_the_tree(root + "/sys/fs/cgroup", path, "memory.max"));
    else if (names_memory(controllers))
      least =
          std::min(least, least_up_the_tree(root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
  }
  return least;
}

}  // namespace

ProcessUsage::ProcessUsage(const Clock& clock) noexcept
    : clock_(clock), statm_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)) {}

ProcessUsage::~ProcessUsage() {
  if (statm_ >= 0) ::close(statm_);
}

Overload::Usage ProcessUsage::measure() noexcept {
  return {.memory = resident_bytes(), .descriptors = open_descriptors()};
}

// Its second number, in pages.
std::uint64_t ProcessUsage::resident_bytes() const noexcept {
  std::array<char, 128> text{};
  const ssize_t size = ::pread(statm_, text.data(), text.size(), 0);
  if (size <= 0) return 0;
  const char* const begin = text.data();
  const char* const end = begin + size;
  const char* const resident = std::find(begin, end, ' ');
  std::uint64_t pages = 0;
  if (resident == end || std::from_chars(resident + 1, end, pages).ec != std::errc()) return 0;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Since Linux 6.2 the directory's size is their number. Before, there is only reading it, which with 20,000 entries takes
// milliseconds: once a second, then.
std::size_t ProcessUsage::open_descriptors() noexcept {
  struct stat directory{};
  if (::stat("/proc/self/fd", &directory) == 0 && directory.st_size > 0)
    return static_cast<std::size_t>(directory.st_size);
  const Monotonic now = clock_.monotonic();
  if (counted_at_ == Monotonic::min() || now - counted_at_ >= kBetweenCounts) {
    counted_ = count_descriptors();
    counted_at_ = now;
  }
  return counted_;
}

std::uint64_t memory_limit(const std::string& root) {
  return std::min(machine_memory(root), cgroup_memory(root));
}

}  // namespace claviger::server
