// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/admin_failure.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/resource_documents.h"

namespace claviger::cli {
namespace {

using base::Document;

class Apply final : public Command {
 public:
  std::string_view path() const noexcept override { return "apply"; }
  std::string_view summary() const noexcept override {
    return "Make the gateway's resources what files say: all of it or nothing";
  }
  std::string_view examples() const noexcept override {
    return "  claviger apply -f openai.yaml                  create or change what the file names\n"
           "  claviger apply -f resources/ --dry-run         say what would change, and change nothing\n"
           "  claviger apply -f upstreams.yaml grants.yaml   several files are one change\n"
           "  claviger get grants -o yaml | sed s/60/120/ | claviger apply -f -\n\n"
           "Resources that no file names stay as they are; `claviger delete` removes one. Secrets are never "
           "in files:\n"
           "`claviger credential set` after this. Applying the same again changes nothing.";
  }
  void declare(Flags& flags) override {
    flags.several("-f,--file", "FILE", files_, "YAML files, directories of them, or - for standard input");
    flags.flag("--dry-run", dry_run_, "Check everything, and change nothing");
  }

  Result<void> run() override {
    if (files_.empty()) return usage_error("say what to apply: -f FILE");
    const auto client = CLV_TRY(AdminClient::create());
    const std::vector<Document> documents = CLV_TRY(read_documents(files_));
    for (const Document& document : documents) CLV_TRY_VOID(check_document(document));
    const std::string body = CLV_TRY(apply_body(documents));
    const AdminAnswer answer =
        CLV_TRY(client->exchange({.method = "POST",
                                  .target = dry_run_ ? "/api/v1/apply?dry_run=true" : "/api/v1/apply",
                                  .content_type = "application/json",
                                  .body = body}));
    if (answer.status >= 300) return explain_refusal(*client, answer, documents);
    return report(CLV_TRY(base::parse_json(answer.body, "the gateway's answer")));
  }

 private:
  static Error explain_refusal(const AdminClient& client, const AdminAnswer& answer,
                               const std::vector<Document>& documents) {
    const bool is_about_resources = answer.status == 400 || answer.status == 404 || answer.status == 409;
    const std::string detail = is_about_resources ? problem_detail(answer.body) : std::string();
    const std::string located = locate_refusal(detail, documents);
    if (located == detail)
      return refusal(answer.status, answer.body, answer.request_id, answer.retry_after_seconds,
                     client.address());
    return Error::formatted(Code::kInvalid, Blame::kOperator, located);
  }

  Result<void> report(const Document& answer) const {
    const Document* results = member(answer, "results");
    if (results == nullptr)
      return Error(Code::kInvalid, Blame::kOperator, "the gateway's answer does not say what was changed");
    std::string lines;
    for (const Document& result : results->items) {
      const std::string name =
          printable(text_member(result, "kind")) + "/" + printable(text_member(result, "name"));
      lines += name + " " + printable(text_member(result, "effect")) + (dry_run_ ? " (dry run)\n" : "\n");
    }
    CLV_TRY_VOID(print(lines));
    for (const Document& result : results->items)
      if (const Document* warnings = member(result, "warnings"); warnings != nullptr)
        for (const Document& warning : warnings->items) remark("warning: " + printable(warning.scalar));
    return ok();
  }

  std::vector<std::string> files_;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_apply() { return std::make_unique<Apply>(); }

}  // namespace claviger::cli
