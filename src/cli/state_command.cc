// SPDX-License-Identifier: Apache-2.0
#include "cli/state_command.h"

#include "cli/admin_client.h"
#include "cli/kind_argument.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

class StateCommand final : public Command {
 public:
  explicit StateCommand(const StateChange& change) noexcept : change_(change) {}
  std::string_view path() const noexcept override { return change_.path; }
  std::string_view summary() const noexcept override { return change_.summary; }
  std::string_view examples() const noexcept override { return change_.examples; }
  void declare(Flags& flags) override { flags.positional(change_.argument, name_, "Which one"); }

  Result<void> run() override {
    if (name_.empty()) return usage_error("say which one: " + std::string(change_.argument));
    const std::string target = CLV_TRY(resource_target(change_.kind, name_));
    const auto client = CLV_TRY(AdminClient::create());
    CLV_TRY(client->call({.method = "POST", .target = target + "/" + std::string(change_.verb)}));
    return print(std::string(policy::kind_name(change_.kind)) + "/" + name_ + " " +
                 std::string(change_.done) + "\n");
  }

 private:
  StateChange change_;
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> make_state_command(const StateChange& change) {
  return std::make_unique<StateCommand>(change);
}

}  // namespace claviger::cli
