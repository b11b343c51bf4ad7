// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/api_key_flags.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/key_answer.h"
#include "cli/output.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

class KeyCreate final : public Command {
 public:
  std::string_view path() const noexcept override { return "key create"; }
  std::string_view summary() const noexcept override {
    return "Make an API key in the gateway: prints the key, once";
  }
  std::string_view examples() const noexcept override {
    return "  claviger key create --principal billing-service\n"
           "  claviger key create --principal ci --expires 90d --cidr 10.0.0.0/8\n"
           "  claviger key create --principal ci | vault-cli put ci/claviger-key -    the key alone is on "
           "standard output\n"
           "  claviger key create --principal ci -o json\n\n"
           "Give the key to the caller; the gateway keeps its hash alone and cannot show it again.";
  }
  void declare(Flags& flags) override {
    asked_.declare(flags);
    flags.option("-o,--output", "FORMAT", format_, "text or json (default: text)");
  }

  Result<void> run() override {
    if (format_ != "text" && format_ != "json") return usage_error("-o takes text or json");
    CLV_TRY_VOID(asked_.check());
    const auto client = CLV_TRY(AdminClient::create());
    const std::string body = request_body();
    const base::SecretBytes answer = CLV_TRY(client->call_for_secret(
        {.method = "POST", .target = "/api/v1/api_keys", .content_type = "application/json", .body = body}));
    const KeyAnswer found = CLV_TRY(find_key(answer.reveal_text()));
    if (format_ == "json") return print_json(found);
    CLV_TRY_VOID(print_secret({found.key, "\n"}));
    const auto resource = base::parse_json(std::string(found.before) + std::string(found.after), "answer");
    const base::Document* made = resource.has_value() ? member(*resource, "resource") : nullptr;
    const std::string id = made == nullptr ? "" : " " + printable(text_member(*made, "name"));
    remark("API key" + id + " of " + asked_.principal + ", " +
           (asked_.expires.empty() ? "without an end" : "until " + asked_.expires) +
           ". It is shown this once.");
    return ok();
  }

 private:
  std::string request_body() const {
    std::string body = R"({"principal":)";
    base::append_json_string(body, asked_.principal);
    if (!asked_.expires.empty()) base::append_json_string(body += R"(,"expires":)", asked_.expires);
    if (!asked_.cidrs.empty()) {
      body += R"(,"cidrs":[)";
      for (const std::string& cidr : asked_.cidrs)
        base::append_json_string(body += body.ends_with('[') ? "" : ",", cidr);
      body += ']';
    }
    return body + '}';
  }

  static Result<void> print_json(const KeyAnswer& found) {
    const std::string before = printable_json(found.before);
    const std::string after = printable_json(found.after);
    return print_secret({before, found.key, after, after.ends_with('\n') ? "" : "\n"});
  }

  ApiKeyFlags asked_;
  std::string format_ = "text";
};

}  // namespace

std::unique_ptr<Command> make_key_create() { return std::make_unique<KeyCreate>(); }

}  // namespace claviger::cli
