// SPDX-License-Identifier: Apache-2.0
#include "server/version.h"

#include <cstdio>

#include "cli/catalog.h"

namespace claviger::cli {
namespace {

class Version final : public Command {
 public:
  std::string_view path() const noexcept override { return "version"; }
  std::string_view summary() const noexcept override { return "Print the version"; }
  std::string_view examples() const noexcept override { return "  claviger version"; }
  void declare(Flags&) override {}
  Result<void> run() override {
    std::printf("claviger %.*s\n", static_cast<int>(server::kVersion.size()), server::kVersion.data());
    return ok();
  }
};

}  // namespace

std::unique_ptr<Command> make_version() { return std::make_unique<Version>(); }

}  // namespace claviger::cli
