// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>

#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/env_file.h"
#include "cli/input.h"
#include "cli/kind_argument.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/table.h"

namespace claviger::cli {
namespace {

using base::Document;

// A credential as the gateway lists it.
struct Listed {
  std::string name, upstream, state, version, set_at, rotation, since, reason;
  bool needs_one() const { return !since.empty(); }
};

class CredentialRotateAll final : public Command {
 public:
  std::string_view path() const noexcept override { return "credential rotate-all"; }
  std::string_view summary() const noexcept override {
    return "After an incident: replace the secrets of all credentials, and keep track of it";
  }
  std::string_view examples() const noexcept override {
    return "  claviger credential rotate-all --reason 'laptop stolen' --dry-run        what would be marked\n"
           "  claviger credential rotate-all --reason 'laptop stolen'                  marks them, and lists "
           "them\n"
           "  claviger credential rotate-all --ask                                     asks for one after "
           "the other\n"
           "  claviger credential rotate-all --secrets new.env                         NAME=secret lines, "
           "file 0600\n"
           "  claviger credential rotate-all --disable-old                             those that are left "
           "stop working\n"
           "  claviger credential rotate-all -o json | jq .required                    how many are left\n\n"
           "A credential that is marked needs another secret until one is set, here or with `claviger "
           "credential "
           "set`;\nwhat was disabled by --disable-old works again then. Each step may be repeated. Without "
           "flags: what is left.\n"
           "To stop one for good at once: `claviger credential revoke`. Revoke stolen secrets at their "
           "providers, too.";
  }
  void declare(Flags& flags) override {
    flags.option("--reason", "TEXT", reason_, "Why; marks all credentials that are not marked yet");
    flags.repeated("--upstream", "NAME", upstreams_, "Those of this upstream alone");
    flags.option("--secrets", "FILE", secrets_, "Set the secrets in this file, which nobody else may read");
    flags.flag("--ask", asks_, "Ask for the secret of each that needs one");
    flags.flag("--disable-old", disables_, "Disable those that still need one, until they have it");
    flags.flag("--dry-run", dry_run_, "Change nothing");
    flags.option("-o,--output", "FORMAT", format_, "table or json (default: table)");
  }

  Result<void> run() override {
    if (format_ != "table" && format_ != "json") return usage_error("-o takes table or json");
    if (asks_ && !secrets_.empty()) return usage_error("--ask and --secrets exclude each other");
    if (asks_ && ::isatty(STDIN_FILENO) != 1) return usage_error("--ask needs a terminal; see --secrets");
    if (asks_ && dry_run_) return usage_error("--ask and --dry-run exclude each other");
    for (const std::string& name : upstreams_) CLV_TRY(resource_target(policy::Kind::kUpstream, name));
    const auto client = CLV_TRY(AdminClient::create());
    if (!reason_.empty()) CLV_TRY_VOID(post(*client, R"("reason":)", reason_));
    std::size_t failed = 0;
    if (!secrets_.empty()) failed = CLV_TRY(set_from_file(*client));
    if (asks_) failed = CLV_TRY(ask(*client));
    if (disables_ && !dry_run_) CLV_TRY_VOID(post(*client, R"("disable":true)", ""));
    const auto all = CLV_TRY(list(*client));
    CLV_TRY_VOID(show(all));
    if (failed == 0) return ok();
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            std::to_string(failed) + " secrets were not set; the reasons stand above");
  }

 private:
  static std::string credentials(std::ptrdiff_t count) {
    return std::to_string(count) + (count == 1 ? " credential" : " credentials");
  }

  Result<void> post(AdminClient& client, std::string_view asked, const std::string& value) const {
    std::string json = "{" + std::string(asked);
    if (!value.empty()) base::append_json_string(json, value);
    for (std::size_t i = 0; i < upstreams_.size(); ++i) {
      json += i == 0 ? R"(,"upstreams":[)" : ",";
      base::append_json_string(json, upstreams_[i]);
    }
    json += upstreams_.empty() ? "}" : "]}";
    const Document answer = CLV_TRY(
        client.call_json("POST", std::string("/api/v1/rotation") + (dry_run_ ? "?dry_run=true" : ""), json));
    const Document* items = member(answer, "items");
    if (items == nullptr) return ok();
    const auto changed = std::ranges::count_if(
        items->items, [](const Document& item) { return text_member(item, "effect") == "changed"; });
    remark(credentials(changed) +
           (dry_run_       ? " would be "
            : changed == 1 ? " was "
                           : " were ") +
           (value.empty() ? "disabled" : "marked"));
    return ok();
  }

  bool is_wanted(const Listed& each) const {
    return upstreams_.empty() || std::ranges::find(upstreams_, each.upstream) != upstreams_.end();
  }

  // By upstream, then name.
  Result<std::vector<Listed>> list(AdminClient& client) const {
    std::vector<Listed> all;
    CLV_TRY_VOID(client.for_each(
        kind_target(policy::Kind::kCredential), [&](const Document& resource) -> Result<void> {
          Listed one;
          one.name = text_member(resource, "name");
          one.upstream = text_member(resource, "upstream");
          if (const Document* status = member(resource, "status"); status != nullptr) {
            one.state = text_member(*status, "state");
            one.version = text_member(*status, "version");
            one.set_at = text_member(*status, "set_at");
            one.rotation = text_member(*status, "rotation");
            one.since = text_member(*status, "rotation_required");
            one.reason = text_member(*status, "rotation_reason");
          }
          if (is_wanted(one)) all.push_back(std::move(one));
          return ok();
        }));
    std::ranges::sort(all, {}, [](const Listed& each) { return std::pair(each.upstream, each.name); });
    return all;
  }

  static Result<void> set(AdminClient& client, const std::string& name, std::string_view secret) {
    const std::string target = CLV_TRY(resource_target(policy::Kind::kCredential, name));
    CLV_TRY(client.call({.method = "PUT",
                         .target = target + "/secret",
                         .content_type = "application/octet-stream",
                         .body = secret}));
    remark("credential/" + name + " set");
    return ok();
  }

  // All names are looked at before anything is set: a slip in one is found while nothing has happened.
  Result<std::size_t> set_from_file(AdminClient& client) const {
    const base::SecretBytes text = CLV_TRY(client.sources().read("file:" + secrets_));
    const auto entries =
        CLV_TRY(read_env_text(text.reveal_text(), secrets_, EnvNames::kResources, client.arena()));
    const auto known = CLV_TRY(list(client));
    for (const EnvEntry& entry : entries) {
      const auto found = std::ranges::find(known, entry.name, &Listed::name);
      const std::string where = secrets_ + ":" + std::to_string(entry.line) + ": ";
      if (found == known.end())
        return Error::formatted(Code::kInvalid, Blame::kOperator,
                                where + "there is no such credential" +
                                    (upstreams_.empty() ? "" : " of these upstreams") + "; nothing was set");
      // Set already, by an earlier attempt with the same file or by somebody else meanwhile.
      if (!found->needs_one() && !dry_run_ && reason_.empty())
        remark(where + entry.name + " does not need another secret: left out");
    }
    std::size_t failed = 0;
    for (const EnvEntry& entry : entries) {
      const auto found = std::ranges::find(known, entry.name, &Listed::name);
      if (!found->needs_one() || dry_run_) continue;
      const auto done = set(client, entry.name, entry.value.reveal_text());
      if (done.has_value()) continue;
      remark("credential/" + entry.name + " NOT set: " + std::string(done.error().what()));
      ++failed;
    }
    return failed;
  }

  Result<std::size_t> ask(AdminClient& client) const {
    std::size_t failed = 0;
    for (const Listed& each : CLV_TRY(list(client))) {
      if (!each.needs_one()) continue;
      const auto secret = read_secret_input(
          client.arena(), "New secret of credential '" + printable(each.name) + "' of upstream '" +
                              printable(each.upstream) + "' (not shown; empty: later): ");
      if (!secret.has_value() && secret.error().code() == Code::kCancelled) return secret.error();
      if (!secret.has_value()) continue;
      const auto done = set(client, each.name, secret->reveal_text());
      if (done.has_value()) continue;
      remark("credential/" + each.name + " NOT set: " + std::string(done.error().what()));
      ++failed;
    }
    return failed;
  }

  Result<void> show(const std::vector<Listed>& all) const {
    const auto left = std::ranges::count_if(all, &Listed::needs_one);
    if (format_ == "json") return print(json_of(all, static_cast<std::size_t>(left)));
    const WallTime now = SystemClock().wall();
    Table table({"UPSTREAM", "CREDENTIAL", "STATE", "VERSION", "SET", "ROTATION", "MARKED", "REASON"});
    for (const Listed& each : all)
      table.add({each.upstream, each.name, each.state, each.version, format_age(each.set_at, now),
                 each.rotation, format_age(each.since, now), each.reason});
    if (!table.is_empty()) CLV_TRY_VOID(print(table.text()));
    remark(left == 0 ? "no credential needs another secret for an incident"
                     : credentials(left) + (left == 1 ? " still needs" : " still need") + " another secret");
    return ok();
  }

  static std::string json_of(const std::vector<Listed>& all, std::size_t left) {
    std::string out = "{\"required\":" + std::to_string(left) + ",\"credentials\":[";
    for (const Listed& each : all) {
      if (&each != &all.front()) out += ',';
      Document object{.type = Document::Type::kMap};
      const auto add = [&](std::string_view key, const std::string& value, bool is_text = true) {
        if (value.empty()) return;
        object.entries.push_back(
            {std::string(key), {.type = Document::Type::kScalar, .scalar = value, .quoted = is_text}});
      };
      add("name", each.name);
      add("upstream", each.upstream);
      add("state", each.state);
      add("version", each.version, false);
      add("set_at", each.set_at);
      add("rotation", each.rotation);
      add("rotation_required", each.since);
      add("rotation_reason", each.reason);
      base::append_json(out, object);
    }
    return out + "]}\n";
  }

  std::string reason_, secrets_, format_ = "table";
  std::vector<std::string> upstreams_;
  bool asks_ = false, disables_ = false, dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_credential_rotate_all() { return std::make_unique<CredentialRotateAll>(); }

}  // namespace claviger::cli
