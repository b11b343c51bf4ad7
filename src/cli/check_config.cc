// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/output.h"
#include "gateway/world.h"
#include "server/config.h"
#include "server/resource_files.h"

namespace claviger::cli {
namespace {

class CheckConfig final : public Command {
 public:
  std::string_view path() const noexcept override { return "check-config"; }
  std::string_view summary() const noexcept override {
    return "Check a configuration file, resource files, or both, without starting anything";
  }
  std::string_view examples() const noexcept override {
    return "  claviger check-config claviger.yaml\n"
           "  claviger check-config --resources ./resources\n"
           "  claviger check-config claviger.yaml --resources ./resources";
  }
  void declare(Flags& flags) override {
    flags.positional("FILE", file_, "The configuration file");
    flags.option("--resources", "DIR", resources_,
                 "A directory of resource files; their secrets are not read");
  }
  Result<void> run() override {
    if (file_.empty() && resources_.empty())
      return usage_error("give a configuration FILE, --resources DIR, or both");
    if (!file_.empty()) {
      CLV_TRY(server::read_config(file_));
      CLV_TRY_VOID(print(file_ + ": fine\n"));
    }
    if (!resources_.empty()) {
      auto resources = CLV_TRY(server::read_resources(resources_));
      CLV_TRY_VOID(gateway::check_resources(std::move(resources)));
      CLV_TRY_VOID(print(resources_ + ": fine\n"));
    }
    return ok();
  }

 private:
  std::string file_, resources_;
};

}  // namespace

std::unique_ptr<Command> make_check_config() { return std::make_unique<CheckConfig>(); }

}  // namespace claviger::cli
