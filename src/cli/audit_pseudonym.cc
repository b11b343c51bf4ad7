// SPDX-License-Identifier: Apache-2.0
#include "base/ip.h"
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "server/process.h"
#include "server/pseudonym_key.h"

namespace claviger::cli {
namespace {

class AuditPseudonym final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit pseudonym"; }
  std::string_view summary() const noexcept override {
    return "Say which pseudonym an address has in the audit log";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit pseudonym 192.0.2.7\n"
           "  claviger audit pseudonym 192.0.2.7 --data-dir ./gateway      of a gateway in side-car mode\n\n"
           "Only who has the gateway's key can say, so it is asked (`management: admin`), and records that "
           "it was.\nThe other way there is none: look for the pseudonym of each address that you suspect.";
  }
  void declare(Flags& flags) override {
    flags.positional("ADDRESS", address_, "The IP address");
    flags.option("--data-dir", "DIR", data_dir_,
                 "The data directory of a gateway in side-car mode, which has no management API");
  }

  Result<void> run() override {
    const auto address = base::parse_ip(address_);
    if (!address.has_value()) return usage_error("ADDRESS is an IP address, such as 192.0.2.7");
    if (!data_dir_.empty()) return print_from_file(*address);
    const auto client = CLV_TRY(AdminClient::create());
    const base::Document answer =
        CLV_TRY(client->call_json("GET", "/api/v1/audit/pseudonym?address=" + encode_query(address_)));
    const std::string_view pseudonym = text_member(answer, "pseudonym");
    if (pseudonym.empty())
      return Error(Code::kInvalid, Blame::kOperator, "the gateway's answer has no pseudonym");
    return print(printable(pseudonym) + "\n");
  }

 private:
  Result<void> print_from_file(const base::IpAddress& address) {
    server::SecretMemory memory = CLV_TRY(server::prepare_process());
    const audit::Pseudonyms pseudonyms = CLV_TRY(server::read_file_pseudonyms(data_dir_, memory));
    return print(pseudonyms.of(address) + "\n");
  }

  std::string address_, data_dir_;
};

}  // namespace

std::unique_ptr<Command> make_audit_pseudonym() { return std::make_unique<AuditPseudonym>(); }

}  // namespace claviger::cli
