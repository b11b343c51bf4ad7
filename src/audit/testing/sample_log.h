// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "audit/signer.h"

namespace claviger::audit::testing {

// A directory of the test's own, gone with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string path(const std::string& name = "") const {
    return name.empty() ? path_.string() : (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

// "claviger/test", as the logs of tests are called.
extern const std::string kSampleOrigin;
std::string sample_event(std::uint64_t number);

// Appends `events` to the log in `directory`, numbered on from what it holds, with a checkpoint after each `checkpoint_every`
// and, when `finish`, one at the end; in segments of `segment_bytes` of text, the oldest of which are pruned while
// the log takes more than `retain_bytes`.
void write_sample_log(const std::string& directory, Signer& signer, std::uint64_t events,
                      std::uint64_t checkpoint_every, bool finish = true,
                      std::uint64_t segment_bytes = std::uint64_t{256} << 20, std::uint64_t retain_bytes = 0);
// The segments in it, as numbers of 20 digits, oldest first.
std::vector<std::string> list_segment_names(const std::string& directory);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);
// With their line ends.
std::vector<std::string> lines_of(const std::string& text);
std::string joined(const std::vector<std::string>& lines);

}  // namespace claviger::audit::testing
