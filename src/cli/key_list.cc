// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/kind_argument.h"
#include "cli/output.h"
#include "cli/resource_table.h"

namespace claviger::cli {
namespace {

using base::Document;

class KeyList final : public Command {
 public:
  std::string_view path() const noexcept override { return "key list"; }
  std::string_view summary() const noexcept override {
    return "Show the gateway's API keys; never the keys themselves";
  }
  std::string_view examples() const noexcept override {
    return "  claviger key list\n"
           "  claviger key list --principal ci\n"
           "  claviger key list -o json";
  }
  void declare(Flags& flags) override {
    flags.option("--principal", "NAME", principal_, "Those of one principal");
    flags.option("-o,--output", "FORMAT", format_, "table or json (default: table)");
  }
  Result<void> run() override {
    if (format_ != "table" && format_ != "json") return usage_error("-o takes table or json");
    const auto client = CLV_TRY(AdminClient::create());
    const WallTime now = SystemClock().wall();
    Table table = make_resource_table(policy::Kind::kApiKey);
    std::string json;
    CLV_TRY_VOID(
        client->for_each(kind_target(policy::Kind::kApiKey), [&](const Document& key) -> Result<void> {
          if (!principal_.empty() && text_member(key, "principal") != principal_) return ok();
          if (format_ == "table") add_resource_row(table, policy::Kind::kApiKey, key, now);
          else base::append_json(json += json.empty() ? "[\n" : ",\n", key);
          return ok();
        }));
    if (format_ == "json") return print(json.empty() ? "[]\n" : json + "\n]\n");
    if (!table.is_empty()) return print(table.text());
    remark("there are no API keys" + (principal_.empty() ? "" : " of " + principal_));
    return ok();
  }

 private:
  std::string principal_, format_ = "table";
};

}  // namespace

std::unique_ptr<Command> make_key_list() { return std::make_unique<KeyList>(); }

}  // namespace claviger::cli
