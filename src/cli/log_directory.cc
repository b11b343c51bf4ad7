// SPDX-License-Identifier: Apache-2.0
#include "cli/log_directory.h"

#include <unistd.h>

#include <cstdio>

namespace claviger::cli {
namespace {

void show(std::uint64_t bytes, std::uint64_t of) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  std::fprintf(stderr, "\r%llu of %llu MiB ", static_cast<unsigned long long>(bytes / kMiB),
               static_cast<unsigned long long>(of / kMiB));
}

}  // namespace

void LogDirectory::declare(Flags& flags) {
  flags.option("--data-dir", "DIR", data_dir, "The gateway's data directory; its log is DIR/audit");
  flags.option("--log", "DIR", log, "The log's own directory, or a copy of it");
}

Result<std::string> LogDirectory::path() const {
  if (data_dir.empty() == log.empty()) return usage_error("give either --data-dir DIR or --log DIR");
  return log.empty() ? data_dir + "/audit" : log;
}

ProgressLine::ProgressLine() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}
ProgressLine::~ProgressLine() {
  if (is_terminal_) std::fputs("\r\x1b[K", stderr);
}
std::function<void(std::uint64_t, std::uint64_t)> ProgressLine::report() const {
  if (is_terminal_) return show;
  return nullptr;
}

Error not_verified(Error error) {
  return error.code() == Code::kInvalid ? error.within("NOT VERIFIED") : error;
}

}  // namespace claviger::cli
