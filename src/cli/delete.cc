// SPDX-License-Identifier: Apache-2.0
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/kind_argument.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

class Delete final : public Command {
 public:
  std::string_view path() const noexcept override { return "delete"; }
  std::string_view summary() const noexcept override { return "Delete a resource"; }
  std::string_view examples() const noexcept override {
    return "  claviger delete grant ci:openai\n"
           "  claviger delete credential openai-old      its secret goes with it\n\n"
           "A resource that others still refer to stays; the answer names one of them. To stop somebody at "
           "once,\n"
           "`claviger principal disable` and `claviger key revoke` leave the records in place.";
  }
  void declare(Flags& flags) override {
    flags.positional("KIND", kind_, "upstream, credential, principal, api_key or grant");
    flags.positional("NAME", name_, "Which one");
  }
  Result<void> run() override {
    if (kind_.empty() || name_.empty()) return usage_error("say what to delete: KIND NAME");
    const policy::Kind kind = CLV_TRY(parse_kind_argument(kind_));
    std::string target = CLV_TRY(resource_target(kind, name_));
    const auto client = CLV_TRY(AdminClient::create());
    CLV_TRY(client->call({.method = "DELETE", .target = std::move(target)}));
    return print(std::string(policy::kind_name(kind)) + "/" + name_ + " deleted\n");
  }

 private:
  std::string kind_, name_;
};

}  // namespace

std::unique_ptr<Command> make_delete() { return std::make_unique<Delete>(); }

}  // namespace claviger::cli
