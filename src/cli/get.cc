// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/kind_argument.h"
#include "cli/output.h"
#include "cli/resource_table.h"

namespace claviger::cli {
namespace {

using base::Document;

class Get final : public Command {
 public:
  std::string_view path() const noexcept override { return "get"; }
  std::string_view summary() const noexcept override { return "Show resources of a kind, or one of them"; }
  std::string_view examples() const noexcept override {
    return "  claviger get upstreams\n"
           "  claviger get credential openai-main            its state and version; never the secret\n"
           "  claviger get grants -o json                    an array; of one resource, an object\n"
           "  claviger get grants -o yaml > grants.yaml      for `claviger apply -f grants.yaml`\n\n"
           "Kinds: upstream, credential, principal, api_key, grant, also as plurals.";
  }
  void declare(Flags& flags) override {
    flags.positional("KIND", kind_, "upstreams, credentials, principals, api_keys or grants");
    flags.positional("NAME", name_, "One of them (default: all)");
    flags.option("-o,--output", "FORMAT", format_, "table, json or yaml (default: table)");
  }

  Result<void> run() override {
    if (format_ != "table" && format_ != "json" && format_ != "yaml")
      return usage_error("-o takes table, json or yaml");
    if (kind_.empty())
      return usage_error("say which KIND: upstreams, credentials, principals, api_keys or grants");
    const policy::Kind kind = CLV_TRY(parse_kind_argument(kind_));
    if (name_.empty()) return show_all(kind);
    std::string target = CLV_TRY(resource_target(kind, name_));
    const auto client = CLV_TRY(AdminClient::create());
    const Document resource = CLV_TRY(client->call_json("GET", std::move(target)));
    return show_one(kind, resource);
  }

 private:
  Result<void> show_one(policy::Kind kind, const Document& resource) const {
    std::string out;
    if (format_ == "json") base::append_json(out, resource);
    if (format_ == "yaml") return print(resource_yaml(resource));
    if (format_ == "json") return print(out + "\n");
    Table table = make_resource_table(kind);
    add_resource_row(table, kind, resource, SystemClock().wall());
    CLV_TRY_VOID(print(table.text()));
    for (const std::string& warning : warnings_of(resource)) remark(warning);
    return ok();
  }

  // Page by page but for the table, whose columns are not known before its last row.
  Result<void> show_all(policy::Kind kind) const {
    const auto client = CLV_TRY(AdminClient::create());
    const WallTime now = SystemClock().wall();
    Table table = make_resource_table(kind);
    bool is_first = true;
    CLV_TRY_VOID(client->for_each(kind_target(kind), [&](const Document& resource) -> Result<void> {
      std::string out;
      if (format_ == "table") add_resource_row(table, kind, resource, now);
      else if (format_ == "json") base::append_json(out = is_first ? "[\n" : ",\n", resource);
      else out = (is_first ? "" : "---\n") + resource_yaml(resource);
      is_first = false;
      return out.empty() ? ok() : print(out);
    }));
    if (format_ == "json") return print(is_first ? "[]\n" : "\n]\n");
    if (format_ == "yaml") return ok();
    if (table.is_empty()) {
      remark("there are no " + std::string(policy::kind_name(kind)) + "s");
      return ok();
    }
    return print(table.text());
  }

  std::string kind_, name_, format_ = "table";
};

}  // namespace

std::unique_ptr<Command> make_get() { return std::make_unique<Get>(); }

}  // namespace claviger::cli
