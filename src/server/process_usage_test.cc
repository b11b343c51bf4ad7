// SPDX-License-Identifier: Apache-2.0
#include "server/process_usage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace claviger::server {
namespace {

TEST(ProcessUsage, SeesMemoryThatIsTouched) {
  const SystemClock clock;
  ProcessUsage usage(clock);
  const std::uint64_t before = usage.measure().memory;
  EXPECT_GT(before, 1U << 20);
  constexpr std::size_t kSize = 64U << 20;
  std::vector<char> touched(kSize, 'x');
  EXPECT_GT(usage.measure().memory, before + kSize / 2);
  EXPECT_EQ(touched[kSize / 2], 'x');
}

TEST(ProcessUsage, SeesDescriptorsThatAreOpen) {
  const SystemClock clock;
  ProcessUsage before(clock);
  const std::size_t some = before.measure().descriptors;
  std::vector<int> files;
  for (int i = 0; i < 20; ++i) files.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ProcessUsage after(clock);  // one that has not counted yet, where counting is done by hand
  EXPECT_GE(after.measure().descriptors, some + 20);
  for (const int file : files) ::close(file);
}

// A file system of its own, with what a container or a machine shows.
struct MemoryLimit : ::testing::Test {
  std::string root = ::testing::TempDir() + "/memory_limit";
  MemoryLimit() {
    std::filesystem::remove_all(root);
    put("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n");
  }
  ~MemoryLimit() override { std::filesystem::remove_all(root); }
  void put(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  }
  static constexpr std::uint64_t kMachine = std::uint64_t{8} << 30;
};

TEST_F(MemoryLimit, IsTheMachinesWhereNoCgroupSaysLess) {
  EXPECT_EQ(memory_limit(root), kMachine);
  put("/proc/self/cgroup", "0::/user.slice\n");
  put("/sys/fs/cgroup/user.slice/memory.max", "max\n");
  EXPECT_EQ(memory_limit(root), kMachine);
}

TEST_F(MemoryLimit, IsTheLeastUpTheTreeOfCgroups) {
  put("/proc/self/cgroup", "0::/pods/pod/gateway\n");
  put("/sys/fs/cgroup/pods/pod/gateway/memory.max", "max\n");
  put("/sys/fs/cgroup/pods/pod/memory.max", "1073741824\n");
  put("/sys/fs/cgroup/pods/memory.max", "4294967296\n");
  EXPECT_EQ(memory_limit(root), std::uint64_t{1} << 30);
}

TEST_F(MemoryLimit, IsFoundAtTheTopInAContainerThatSeesItsPathFromOutside) {
  put("/proc/self/cgroup", "0::/not/to/be/seen/from/here\n");
  put("/sys/fs/cgroup/memory.max", "536870912\n");
  EXPECT_EQ(memory_limit(root), std::uint64_t{512} << 20);
}

TEST_F(MemoryLimit, IsReadFromTheOlderKindOfCgroupsToo) {
  put("/proc/self/cgroup", "4:cpu,cpuacct:/x\n3:hugetlb,memory:/docker/box\n2:memory_like:/y\n");
  put("/sys/fs/cgroup/memory/docker/box/memory.limit_in_bytes", "268435456\n");
  EXPECT_EQ(memory_limit(root), std::uint64_t{256} << 20);
}

TEST_F(MemoryLimit, TakesNoHarmFromFilesThatSaySomethingElse) {
  put("/proc/self/cgroup", "nonsense\n0\n0:\n::::\n");
  put("/sys/fs/cgroup/memory.max", "-\n");
  EXPECT_EQ(memory_limit(root), kMachine);
}

}  // namespace
}  // namespace claviger::server
