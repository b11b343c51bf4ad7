// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/admin_client.h"
#include "cli/admin_failure.h"
#include "cli/catalog.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "server/data_dir.h"

namespace claviger::cli {
namespace {

constexpr std::size_t kMaxCheckpoint = std::size_t{64} << 10;

class AuditCheckpoint final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit checkpoint"; }
  std::string_view summary() const noexcept override {
    return "Save the last signed checkpoint of the audit log, to hold the log to it later";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit checkpoint -o checkpoint-2027-01-01\n"
           "  claviger audit checkpoint                      on standard output\n\n"
           "Keep it where the gateway's machine cannot reach. Later, on the log or on a copy of it,\n"
           "  claviger audit verify --data-dir DIR --against checkpoint-2027-01-01\n"
           "shows whether anything up to then was altered or cut off, whoever may have re-signed it since.";
  }
  void declare(Flags& flags) override {
    flags.option("-o,--output", "FILE", file_, "Where to save it (default: standard output)");
  }

  Result<void> run() override {
    const auto client = CLV_TRY(AdminClient::create());
    const AdminAnswer answer = CLV_TRY(client->exchange({.target = "/api/v1/audit/checkpoint"}));
    if (answer.status == 404)
      return Error(Code::kNotFound, Blame::kOperator,
                   "there is no checkpoint yet: one is signed soon after the first event");
    if (answer.status >= 300)
      return refusal(answer.status, answer.body, answer.request_id, answer.retry_after_seconds,
                     client->address());
    if (answer.body.empty() || answer.body.size() > kMaxCheckpoint)
      return Error(Code::kInvalid, Blame::kOperator, "what the gateway answered is no checkpoint");
    remark("the log's verifier key is " + printable(answer.key));
    if (file_.empty()) return print(lines(answer.body));
    CLV_TRY_VOID(server::write_file(file_, answer.body, 0644));
    remark("saved to " + file_ + "; keep it where the gateway's machine cannot reach");
    return ok();
  }

 private:
  // Line by line: a note is lines of text.
  static std::string lines(std::string_view note) {
    std::string out;
    while (!note.empty()) {
      const std::size_t end = std::min(note.find('\n'), note.size());
      out += printable(note.substr(0, end)) + "\n";
      note.remove_prefix(std::min(end + 1, note.size()));
    }
    return out;
  }

  std::string file_;
};

}  // namespace

std::unique_ptr<Command> make_audit_checkpoint() { return std::make_unique<AuditCheckpoint>(); }

}  // namespace claviger::cli
