// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "audit/index_maker.h"
#include "cli/catalog.h"
#include "cli/log_directory.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

class AuditIndex final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit index"; }
  std::string_view summary() const noexcept override {
    return "Make the indexes that `audit search` uses, or make them anew; works offline";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit index --data-dir /var/lib/claviger\n"
           "  claviger audit index --log ./copy-of-audit --rebuild\n\n"
           "A search makes what it lacks, so this is for having them beforehand, or for when their files are "
           "not to be\n"
           "trusted. They can be removed at any time (*.index); nothing but `audit search` looks at them.";
  }
  void declare(Flags& flags) override {
    log_.declare(flags);
    flags.flag("--rebuild", rebuild_, "Make also those anew that are there");
  }

  Result<void> run() override {
    const std::string directory = CLV_TRY(log_.path());
    const auto indexed = [&] {
      const ProgressLine progress;
      return audit::make_indexes(directory, rebuild_, progress.report());
    }();
    if (!indexed.has_value()) return indexed.error();
    return print(fmt::format("{} made, of {} MiB of log; {} were there; {} segments need none\n",
                             indexed->made, indexed->bytes >> 20, indexed->kept, indexed->without));
  }

 private:
  LogDirectory log_;
  bool rebuild_ = false;
};

}  // namespace

std::unique_ptr<Command> make_audit_index() { return std::make_unique<AuditIndex>(); }

}  // namespace claviger::cli
