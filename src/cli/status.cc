// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/output.h"
#include "cli/status_text.h"

namespace claviger::cli {
namespace {

class Status final : public Command {
 public:
  std::string_view path() const noexcept override { return "status"; }
  std::string_view summary() const noexcept override {
    return "Say how the gateway is, and what needs attention";
  }
  std::string_view examples() const noexcept override {
    return "  claviger status\n"
           "  claviger status -o json\n\n"
           "Exit code 0 whenever the gateway answers; for probes there are /healthz and /readyz.";
  }
  void declare(Flags& flags) override {
    flags.option("-o,--output", "FORMAT", format_, "text or json (default: text)");
  }
  Result<void> run() override {
    if (format_ != "text" && format_ != "json") return usage_error("-o takes text or json");
    const auto client = CLV_TRY(AdminClient::create());
    const base::Document answer = CLV_TRY(client->call_json("GET", "/api/v1/status"));
    if (format_ == "text") return print(status_text(client->address().text, answer));
    std::string out;
    base::append_json(out, answer);
    return print(out + "\n");
  }

 private:
  std::string format_ = "text";
};

}  // namespace

std::unique_ptr<Command> make_status() { return std::make_unique<Status>(); }

}  // namespace claviger::cli
