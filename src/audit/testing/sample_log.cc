// SPDX-License-Identifier: Apache-2.0
#include "audit/testing/sample_log.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "audit/disk.h"
#include "audit/lane_queue.h"
#include "audit/log_writer.h"
#include "base/check.h"
#include "base/testing/fake_clock.h"

namespace claviger::audit::testing {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const std::string kSampleOrigin = "claviger/test";

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (fs::temp_directory_path() / "clv-audit-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}
TemporaryDirectory::~TemporaryDirectory() { fs::remove_all(path_); }

std::string sample_event(std::uint64_t number) {
  return fmt::format(R"({{"v":1,"time":"2026-01-01T00:00:00.000Z","type":"test","n":{}}})", number);
}

void write_sample_log(const std::string& directory, Signer& signer, std::uint64_t events,
                      std::uint64_t checkpoint_every, bool finish, std::uint64_t segment_bytes,
                      std::uint64_t retain_bytes) {
  const base::testing::FakeClock clock;
  Pressure pressure(clock, 1s);
  LaneQueue lane(pressure, 1 << 20);
  LaneQueue* const lanes[] = {&lane};
  auto disk = Disk::open(directory);
  CLV_CHECK(disk.has_value());
  const VerifierKey key{kSampleOrigin, signer.public_key()};
  auto files = open_log_files(**disk, key);
  CLV_CHECK(files.has_value());
  const std::uint64_t first = files->tree.size();
  const LogOptions options{.checkpoint_events = checkpoint_every,
                           .checkpoint_interval = 1h,
                           .segment_bytes = segment_bytes,
                           .retain_age = 0h,
                           .retain_bytes = retain_bytes};
  LogWriter writer(**disk, std::move(*files), key, options, signer, pressure, clock);
  auto now = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < events; ++i) {
    lane.append(sample_event(first + i));
    if (checkpoint_every > 0 && (i + 1) % checkpoint_every == 0)
      CLV_CHECK(writer.turn(lanes, now += 1s).has_value());
  }
  if (finish) CLV_CHECK(writer.finish(lanes, now).has_value());
  CLV_CHECK(writer.turn(lanes, now += 1s).has_value());
  CLV_CHECK(writer.turn(lanes, now += 1s).has_value());
}

std::vector<std::string> list_segment_names(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.path().extension() == ".jsonl") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

}  // namespace claviger::audit::testing
