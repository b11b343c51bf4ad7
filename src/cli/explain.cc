// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/output.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

class Explain final : public Command {
 public:
  std::string_view path() const noexcept override { return "explain"; }
  std::string_view summary() const noexcept override {
    return "Say whether a call would be let through, and by which rule";
  }
  std::string_view examples() const noexcept override {
    return "  claviger explain --principal ci --method POST --url /openai/v1/chat/completions\n"
           "  claviger explain --principal ci --method GET --url "
           "https://gateway.example:8443/openai/v1/models -o json\n\n"
           "Nothing is called. Exit code 0: allowed, 1: denied.";
  }
  void declare(Flags& flags) override {
    flags.required("--principal", "NAME", principal_, "Who would call");
    flags.required("--method", "METHOD", method_, "How: GET, POST, ...");
    flags.required("--url", "URL", url_, "What: a path at the gateway, or a whole URL");
    flags.option("-o,--output", "FORMAT", format_, "text or json (default: text)");
  }

  Result<void> run() override {
    if (format_ != "text" && format_ != "json") return usage_error("-o takes text or json");
    const auto client = CLV_TRY(AdminClient::create());
    const base::Document answer = CLV_TRY(
        client->call_json("GET", "/api/v1/explain?principal=" + encode_query(principal_) +
                                     "&method=" + encode_query(method_) + "&url=" + encode_query(url_)));
    const std::string_view allowed = text_member(answer, "allowed");
    if (allowed != "true" && allowed != "false")
      return Error(Code::kInvalid, Blame::kOperator,
                   "the gateway's answer does not say whether it is allowed");
    CLV_TRY_VOID(print(format_ == "json" ? json(answer) : text(answer, allowed == "true")));
    return allowed == "true" ? ok() : Result<void>(already_said());
  }

 private:
  static std::string json(const base::Document& answer) {
    std::string out;
    base::append_json(out, answer);
    return out + "\n";
  }

  static std::string text(const base::Document& answer, bool is_allowed) {
    std::string out =
        (is_allowed ? "allowed: " : "denied: ") + printable(text_member(answer, "reason")) + "\n";
    for (const std::string_view name : {"upstream", "grant"})
      if (const std::string_view value = text_member(answer, name); !value.empty())
        out += "  " + std::string(name) + ": " + printable(value) + "\n";
    return out;
  }

  std::string principal_, method_, url_, format_ = "text";
};

}  // namespace

std::unique_ptr<Command> make_explain() { return std::make_unique<Explain>(); }

}  // namespace claviger::cli
