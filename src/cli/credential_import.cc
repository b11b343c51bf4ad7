// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/env_import.h"
#include "cli/kind_argument.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/table.h"

namespace claviger::cli {
namespace {

using base::Document;
using Action = ImportStep::Action;

class CredentialImport final : public Command {
 public:
  std::string_view path() const noexcept override { return "credential import"; }
  std::string_view summary() const noexcept override { return "Take secrets over from a .env file"; }
  std::string_view examples() const noexcept override {
    return "  claviger credential import .env --dry-run                      what would be taken, and what "
           "not\n"
           "  claviger credential import .env                                what presets know: "
           "OPENAI_API_KEY, ...\n"
           "  claviger credential import .env --map CI_TOKEN=gitlab-ci       into a credential that is "
           "there\n"
           "  claviger credential import .env --map CI_TOKEN=gitlab/ci       made, where it is not\n"
           "  claviger credential import .env --upstream dns --only DNS_KEY\n\n"
           "The file has to be readable by you alone (0600): NAME=value lines, with quotes, `export` and "
           "comments. Values "
           "are never shown.\nUpstreams are not made: see `claviger upstream add`. A secret that is set "
           "stays, unless --replace is "
           "given. Delete the file afterwards.";
  }
  void declare(Flags& flags) override {
    flags.positional("FILE", file_, "The .env file");
    flags.repeated("--map", "VARIABLE=[UPSTREAM/]CREDENTIAL", wishes_.maps, "Where a variable's value goes");
    flags.option("--upstream", "NAME", wishes_.upstream,
                 "Make credentials of this upstream, of those that --only names");
    flags.repeated("--only", "VARIABLE", wishes_.only, "Take this one and no other");
    flags.flag("--replace", wishes_.replaces, "Also where a secret is set: a new version of it");
    flags.flag("--dry-run", dry_run_, "Change nothing");
    flags.option("-o,--output", "FORMAT", format_, "table or json (default: table)");
  }

  Result<void> run() override {
    if (file_.empty()) return usage_error("say which FILE");
    if (format_ != "table" && format_ != "json") return usage_error("-o takes table or json");
    if (!wishes_.upstream.empty()) CLV_TRY(resource_target(policy::Kind::kUpstream, wishes_.upstream));
    const auto client = CLV_TRY(AdminClient::create());
    const base::SecretBytes text = CLV_TRY(client->sources().read("file:" + file_));
    const auto entries =
        CLV_TRY(read_env_text(text.reveal_text(), file_, EnvNames::kVariables, client->arena()));
    const KnownResources known = CLV_TRY(known_resources(*client));
    const auto planned = plan_import(entries, wishes_, known);
    if (!planned.has_value()) return usage_error(planned.error().what());
    std::vector<ImportStep> steps = *planned;
    if (!dry_run_)
      for (ImportStep& step : steps) carry_out(*client, step, entries);
    CLV_TRY_VOID(show(steps));
    const auto failed = std::ranges::count_if(
        steps, [](const ImportStep& step) { return step.was_asked_for && step.action == Action::kLeaveOut; });
    if (failed == 0) return ok();
    return Error::formatted(
        Code::kInvalid, Blame::kOperator,
        std::to_string(failed) + " of what was asked for was left out; the reasons stand above");
  }

 private:
  static Result<KnownResources> known_resources(AdminClient& client) {
    KnownResources known;
    CLV_TRY_VOID(
        client.for_each(kind_target(policy::Kind::kUpstream), [&](const Document& each) -> Result<void> {
          known.upstreams.emplace(text_member(each, "name"));
          return ok();
        }));
    CLV_TRY_VOID(
        client.for_each(kind_target(policy::Kind::kCredential), [&](const Document& each) -> Result<void> {
          const Document* status = member(each, "status");
          const std::string_view version =
              status != nullptr ? text_member(*status, "version") : std::string_view();
          known.credentials.emplace(text_member(each, "name"),
                                    KnownCredential{std::string(text_member(each, "upstream")),
                                                    !version.empty() && version != "0"});
          return ok();
        }));
    return known;
  }

  // What comes to nothing is left out, with the reason; the rest goes on.
  static void carry_out(AdminClient& client, ImportStep& step, const std::vector<EnvEntry>& entries) {
    if (step.action == Action::kLeaveOut) return;
    const auto done = try_to(client, step, entries);
    if (done.has_value()) return;
    step.action = Action::kLeaveOut;
    step.why = done.error().what();
    step.was_asked_for = true;
  }

  static Result<void> try_to(AdminClient& client, const ImportStep& step,
                             const std::vector<EnvEntry>& entries) {
    const base::SecretBytes secret = CLV_TRY(joined(client.arena(), step, entries));
    const std::string target = CLV_TRY(resource_target(policy::Kind::kCredential, step.credential));
    if (step.action == Action::kCreate) {
      std::string json = R"({"upstream":)";
      base::append_json_string(json, step.upstream);
      CLV_TRY(client.call_json("PUT", target, json + "}"));
    }
    CLV_TRY(client.call({.method = "PUT",
                         .target = target + "/secret",
                         .content_type = "application/octet-stream",
                         .body = secret.reveal_text()}));
    return ok();
  }

  static Result<base::SecretBytes> joined(base::SecretArena& arena, const ImportStep& step,
                                          const std::vector<EnvEntry>& entries) {
    std::size_t size = step.entries.size() - 1;
    for (const std::size_t entry : step.entries) size += entries[entry].value.size();
    base::SecretBytes secret = CLV_TRY(base::SecretBytes::allocate(arena, size));
    std::byte* out = secret.reveal().data();
    for (const std::size_t entry : step.entries) {
      if (entry != step.entries.front()) *out++ = static_cast<std::byte>(':');
      const auto value = entries[entry].value.reveal();
      std::memcpy(out, value.data(), value.size());
      out += value.size();
    }
    return secret;
  }

  std::string_view word_for(Action action) const {
    if (action == Action::kLeaveOut) return "left out";
    if (action == Action::kCreate) return dry_run_ ? "would be made and set" : "made and set";
    return dry_run_ ? "would be set" : "set";
  }

  Result<void> show(const std::vector<ImportStep>& steps) const {
    if (format_ == "json") {
      std::string out = "[";
      for (const ImportStep& step : steps) {
        out += &step == &steps.front() ? R"({"variables":)" : R"(,{"variables":)";
        base::append_json_string(out, step.variables);
        out += R"(,"action":)";
        base::append_json_string(out, word_for(step.action));
        out += R"(,"credential":)";
        base::append_json_string(out, step.credential);
        out += R"(,"upstream":)";
        base::append_json_string(out, step.upstream);
        out += R"(,"why":)";
        base::append_json_string(out, step.why);
        out += '}';
      }
      return print(out + "]\n");
    }
    Table table({"VARIABLE", "WHAT", "CREDENTIAL", "UPSTREAM", "WHY"});
    for (const ImportStep& step : steps)
      table.add({step.variables, std::string(word_for(step.action)), step.credential, step.upstream,
                 printable(step.why)});
    if (!table.is_empty()) CLV_TRY_VOID(print(table.text()));
    else remark(file_ + " has no variables with a value");
    return ok();
  }

  std::string file_, format_ = "table";
  ImportWishes wishes_;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_credential_import() { return std::make_unique<CredentialImport>(); }

}  // namespace claviger::cli
