// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cli/command.h"

namespace claviger::cli {

// Which audit log a command that works on files means: --data-dir or --log.
struct LogDirectory {
  std::string data_dir, log;

  void declare(Flags& flags);
  bool is_given() const noexcept { return !data_dir.empty() || !log.empty(); }
  // A usage error unless just one of them was given.
  Result<std::string> path() const;
};

// "12 of 345 MiB", on standard error, where that is a terminal; nothing else where it is none. Its end wipes the line.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  std::function<void(std::uint64_t bytes, std::uint64_t of)> report() const;

 private:
  bool is_terminal_;
};

// What was proven not to be so: the error, with "NOT VERIFIED" before it. Others stay as they are.
Error not_verified(Error error);

}  // namespace claviger::cli
