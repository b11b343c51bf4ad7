// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>

#include "cli/catalog.h"
#include "cli/output.h"
#include "gateway/world.h"
#include "policy/snapshot.h"
#include "server/config.h"
#include "server/door_check.h"
#include "server/resource_files.h"

namespace claviger::cli {
namespace {

// What the doors of a configuration name has to be among the resources. One that is disabled may be meant to be.
Result<void> check_doors(const server::Config& config, policy::Resources resources) {
  const auto policy = CLV_TRY(policy::Snapshot::compile(std::move(resources), 0));
  const WallTime now = SystemClock().wall();
  std::string wrong;
  for (const server::DoorConfig& door : config.doors) {
    for (const server::DoorMisfit& misfit : server::check_door(door, *policy, now)) {
      const std::string text = "door " + door.name + ": " + misfit.detail;
      if (misfit.is_by_intent) remark(text);
      else wrong += (wrong.empty() ? "" : "\n  ") + text;
    }
  }
  if (wrong.empty()) return ok();
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(wrong));
}

class CheckConfig final : public Command {
 public:
  std::string_view path() const noexcept override { return "check-config"; }
  std::string_view summary() const noexcept override {
    return "Check a configuration, resource files, or both and how they fit; starts nothing";
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
    std::optional<server::Config> config;
    if (!file_.empty()) {
      config = CLV_TRY(server::read_config(file_));
      CLV_TRY_VOID(print(file_ + ": fine\n"));
    }
    if (!resources_.empty()) {
      auto resources = CLV_TRY(server::read_resources(resources_));
      CLV_TRY_VOID(gateway::check_resources(resources));
      if (config) CLV_TRY_VOID(check_doors(*config, std::move(resources)));
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
