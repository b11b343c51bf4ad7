// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/store_files.h"
#include "server/data_dir_lock.h"
#include "server/process.h"
#include "server/side_car_keys.h"

namespace claviger::cli {
namespace {

constexpr std::string_view kKeys =
    "old  {from}\n"
    "new  {to}\n\n"
    "Hand the new one to whoever verifies the log, over a way that you trust. Either verifies all of it, as "
    "long as the\n"
    "old key is nobody else's; if it leaked, the new one alone is worth anything.\n";

class AuditRotateKey final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit rotate-key"; }
  std::string_view summary() const noexcept override {
    return "Sign the audit log with a new key from here on; the old one signs over to it";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit rotate-key                            of the gateway at CLAVIGER_ADDR\n"
           "  claviger audit rotate-key --data-dir ./gateway       of a gateway in side-car mode, while it "
           "is stopped\n\n"
           "The log goes on: an auditor with either key verifies all of it. Afterwards hand the new key to "
           "the "
           "auditors, and\nmake a backup: one from before does not have the key that signs the log.";
  }
  void declare(Flags& flags) override {
    flags.option("--data-dir", "DIR", data_dir_,
                 "The data directory of a gateway in side-car mode, which has no management API");
    flags.option("-o,--output", "FORMAT", format_, "text or json (default: text)");
  }

  Result<void> run() override {
    if (format_ != "text" && format_ != "json") return usage_error("-o takes text or json");
    return data_dir_.empty() ? rotate() : prepare();
  }

 private:
  Result<void> rotate() const {
    const auto client = CLV_TRY(AdminClient::create());
    const base::Document answer = CLV_TRY(client->call_json("POST", "/api/v1/audit/key/rotate"));
    const std::string from = printable(text_member(answer, "from"));
    const std::string to = printable(text_member(answer, "to"));
    if (from.empty() || to.empty())
      return Error(Code::kInvalid, Blame::kOperator, "the gateway's answer does not name the keys");
    const bool is_finished = text_member(answer, "finished") == "true";
    CLV_TRY_VOID(show(from, to, is_finished));
    if (format_ == "json") return ok();
    return print(
        is_finished
            ? "\nMake a backup now: one from before does not have the new key.\n"
            : "\nNOT FINISHED: the log cannot be written at the moment, and the old key signs until it can. "
              "It goes on by itself;\n`claviger status` says when it is over. Make a backup then.\n");
  }

  Result<void> prepare() const {
    server::SecretMemory memory = CLV_TRY(server::prepare_process());
    const auto lock = server::DataDirLock::take(data_dir_);
    if (!lock.has_value())
      return lock.error().within(
          "the key of a gateway in side-car mode is rotated by a restart: stop it, run this again, start it");
    const server::SideCarRotation made = CLV_TRY(server::prepare_side_car_rotation(data_dir_, memory));
    CLV_TRY_VOID(give_to_directory_owner(made.file));
    CLV_TRY_VOID(show(made.from, made.to, false));
    if (format_ == "json") return ok();
    return print(fmt::format("\nThe next start of the gateway takes it over from {}.\n", made.file));
  }

  Result<void> show(const std::string& from, const std::string& to, bool is_finished) const {
    if (format_ == "text") return print(fmt::format(kKeys, fmt::arg("from", from), fmt::arg("to", to)));
    // A verifier key has nothing that JSON would escape.
    return print(fmt::format("{{\"from\":\"{}\",\"to\":\"{}\",\"finished\":{}}}\n", from, to, is_finished));
  }

  std::string data_dir_;
  std::string format_ = "text";
};

}  // namespace

std::unique_ptr<Command> make_audit_rotate_key() { return std::make_unique<AuditRotateKey>(); }

}  // namespace claviger::cli
