// SPDX-License-Identifier: Apache-2.0
#include "server/version.h"

#include <string>

#include "cli/catalog.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

class Version final : public Command {
 public:
  std::string_view path() const noexcept override { return "version"; }
  std::string_view summary() const noexcept override { return "Print the version"; }
  std::string_view examples() const noexcept override { return "  claviger version"; }
  void declare(Flags&) override {}
  Result<void> run() override { return print("claviger " + std::string(server::kVersion) + "\n"); }
};

}  // namespace

std::unique_ptr<Command> make_version() { return std::make_unique<Version>(); }

}  // namespace claviger::cli
