// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "base/file.h"
#include "telemetry/redact.h"

namespace claviger::cli {
namespace {

Result<void> write_out(std::string_view text) {
  if (base::write_all(STDOUT_FILENO, text)) return ok();
  return Error::from_errno(Code::kIo, Blame::kOperator, "writing to standard output", errno);
}

}  // namespace

Result<void> print(std::string_view text) {
  std::fflush(stdout);  // what others left there comes first
  return write_out(text);
}

Result<void> print_secret(std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) CLV_TRY_VOID(write_out(part));
  return ok();
}

void remark(std::string_view text) {
  const std::string line = "claviger: " + telemetry::redact(text) + "\n";
  std::fputs(line.c_str(), stderr);
}

}  // namespace claviger::cli
