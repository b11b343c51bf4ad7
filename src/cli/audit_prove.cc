// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "audit/prove.h"
#include "base/parse.h"
#include "cli/catalog.h"
#include "cli/log_directory.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "server/data_dir.h"

namespace claviger::cli {
namespace {

bool is_request_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
}

class AuditProve final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit prove"; }
  std::string_view summary() const noexcept override {
    return "Prove that an event is in the audit log, or that the log goes on from a saved checkpoint";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit prove --event 4711 --data-dir DIR -o 4711.tlog-proof --save-event 4711.json\n"
           "  claviger audit prove --request-id 3f1c... --data-dir DIR -o call.tlog-proof --save-event "
           "call.json\n"
           "  claviger audit prove --since checkpoint-2027-01-01 --data-dir DIR -o since.proof\n\n"
           "A proof is a few lines of text that go to whoever wants to know, and need nothing else of the "
           "log:\n"
           "  claviger audit check-proof call.tlog-proof --event call.json --key KEY\n"
           "says whether it holds. The one for an event is in a format that other tools read "
           "(c2sp.org/tlog-proof).\n"
           "For all events of a time: `claviger audit export`.";
  }
  void declare(Flags& flags) override {
    log_.declare(flags);
    flags.option("--event", "N", event_, "That the event of this number is in the log; numbers begin with 0");
    flags.option("--request-id", "ID", request_id_, "The same for the event that ends this request");
    flags.option("--since", "CHECKPOINT", since_,
                 "That the log goes on from the checkpoint in this file, with nothing changed up to there");
    flags.option("-o,--output", "FILE", file_, "Where the proof goes (default: standard output)");
    flags.option("--save-event", "FILE", event_file_, "Where the event itself goes, as check-proof wants it");
  }

  Result<void> run() override {
    const std::string directory = CLV_TRY(log_.path());
    if (int{!event_.empty()} + int{!request_id_.empty()} + int{!since_.empty()} != 1)
      return usage_error("give one of --event N, --request-id ID and --since CHECKPOINT");
    if (!since_.empty()) return prove_since(directory);
    const std::uint64_t number = CLV_TRY(find_number(directory));
    const audit::ProvenEvent proven = CLV_TRY(audit::prove_event(directory, number));
    if (!event_file_.empty()) CLV_TRY_VOID(server::write_file(event_file_, proven.line + "\n", 0600));
    CLV_TRY_VOID(put(audit::format_proof(proven.proof)));
    remark(fmt::format("event {} is in the log: {}", number, printable(proven.line)));
    return ok();
  }

 private:
  Result<void> prove_since(const std::string& directory) const {
    if (!event_file_.empty()) return usage_error("--save-event goes with --event and --request-id");
    const audit::ConsistencyProof proof = CLV_TRY(audit::prove_consistency(directory, since_));
    CLV_TRY_VOID(put(audit::format_proof(proof)));
    remark(fmt::format("the log goes on from the {} events of {}", proof.since, since_));
    return ok();
  }

  Result<std::uint64_t> find_number(const std::string& directory) const {
    if (!event_.empty()) {
      const auto number = base::parse_decimal(event_);
      return number.has_value() ? number : usage_error("--event takes a number");
    }
    if (!is_request_id(request_id_))
      return usage_error("--request-id takes the id that an answer has in X-Request-Id");
    const std::vector<audit::FoundEvent> found = CLV_TRY(audit::find_request(directory, request_id_));
    if (found.empty())
      return Error::formatted(Code::kNotFound, Blame::kOperator,
                              "no event of the request " + request_id_ + " is in the log");
    // What a request ends with says most; a request of management has one for each thing it changed.
    const auto end = std::ranges::find(found, "call.finished", &audit::FoundEvent::type);
    const audit::FoundEvent& chosen = end == found.end() ? found.back() : *end;
    for (const audit::FoundEvent& other : found)
      if (other.number != chosen.number)
        remark(fmt::format("the request has another event, {} ({}): --event {} proves that one", other.number,
                           printable(other.type), other.number));
    return chosen.number;
  }

  Result<void> put(const std::string& proof) const {
    return file_.empty() ? print(proof) : server::write_file(file_, proof, 0600);
  }

  LogDirectory log_;
  std::string event_, request_id_, since_, file_, event_file_;
};

}  // namespace

std::unique_ptr<Command> make_audit_prove() { return std::make_unique<AuditProve>(); }

}  // namespace claviger::cli
