// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/admin_failure.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/input.h"
#include "cli/kind_argument.h"
#include "cli/output.h"
#include "cli/presets.h"
#include "cli/printable.h"
#include "cli/resource_documents.h"
#include "cli/yaml_text.h"
#include "gateway/world.h"

namespace claviger::cli {
namespace {

using base::Document;

// As check_config would say it of a file with these in it, but for what other resources they name.
Result<void> check_offline(const std::vector<Document>& documents) {
  policy::Resources resources;
  for (const Document& document : documents) {
    if (text_member(document, "kind") == "grant") CLV_TRY(policy::read_resource(document));
    else CLV_TRY_VOID(policy::add_resource(document, resources));
  }
  // A CA's file lies on the gateway's machine; the source of a secret is looked at when it is read.
  for (auto& upstream : resources.upstreams) upstream.tls.ca.clear();
  for (auto& credential : resources.credentials)
    if (credential.from.empty()) credential.from = "env:NONE";
  return gateway::check_resources(std::move(resources));
}

class UpstreamAdd final : public Command {
 public:
  std::string_view path() const noexcept override { return "upstream add"; }
  std::string_view summary() const noexcept override {
    return "Make an upstream from a preset: with its credential, and a grant";
  }
  std::string_view examples() const noexcept override {
    return "  claviger upstream add openai --preset openai --secret-from-env OPENAI_API_KEY --grant ci\n"
           "  pass show github | claviger upstream add github --preset github --secret-from-stdin --grant ci "
           "--paths issues\n"
           "  claviger upstream add dns --preset technitium --base-url https://dns.example:53443 \\\n"
           "      --set user=claviger --set allow_private_addresses=10.0.0.0/8\n"
           "  claviger upstream add openai --preset openai --from env:OPENAI_API_KEY --dry-run -o yaml > "
           "resources/openai.yaml\n\n"
           "`claviger upstream presets` says what there is. Paths that mint credentials are denied to "
           "everybody; take out of\n"
           "deny_paths what you mean to give. --dry-run prints the resources, asks nobody and changes "
           "nothing.";
  }
  void declare(Flags& flags) override {
    flags.positional("NAME", wishes_.name, "The upstream's name; its credential is NAME-main");
    flags.required("--preset", "PRESET", preset_, "One of `claviger upstream presets`");
    flags.option("--base-url", "URL", wishes_.base_url, "Where it is, if not where the preset says");
    flags.option("--mount", "MOUNT", wishes_.mount,
                 "Where callers find it (default: the preset's, or /NAME)");
    flags.repeated("--set", "KEY=VALUE", settings_, "A setting of the preset");
    flags.option("--grant", "PRINCIPAL", wishes_.principal, "Let this principal use it");
    flags.repeated("--paths", "SET", wishes_.paths,
                   "Which paths of the preset --grant gives, or `all` (default: its first)");
    flags.flag("--secret-from-stdin", from_stdin_, "Read the secret from standard input");
    flags.option("--secret-from-file", "FILE", from_file_, "Read it from a file that nobody else may read");
    flags.option("--secret-from-env", "VARIABLE", from_env_, "Take it from an environment variable");
    flags.option("--from", "SOURCE", wishes_.from, "Where the gateway finds it: env:NAME, file:PATH, ...");
    flags.flag("--dry-run", dry_run_, "Print the resources, and change nothing");
    flags.option("-o,--output", "FORMAT", format_, "text, yaml or json (default: text)");
  }

  Result<void> run() override {
    CLV_TRY_VOID(check_flags());
    const auto preset = find_preset(preset_);
    if (!preset.has_value()) return usage_error(preset.error().what());
    auto resources = make_resources(**preset, wishes_);
    if (!resources.has_value()) return usage_error(resources.error().what());
    if (!dry_run_) return add(**preset, *resources);
    CLV_TRY_VOID(check_offline(resources->documents));
    return print_documents(resources->documents);
  }

 private:
  Result<void> check_flags() {
    if (wishes_.name.empty()) return usage_error("say what to call the upstream: NAME");
    if (format_ != "text" && format_ != "yaml" && format_ != "json")
      return usage_error("-o takes text, yaml or json");
    if ((from_stdin_ ? 1 : 0) + (from_file_.empty() ? 0 : 1) + (from_env_.empty() ? 0 : 1) +
            (wishes_.from.empty() ? 0 : 1) >
        1)
      return usage_error(
          "--secret-from-stdin, --secret-from-file, --secret-from-env and --from exclude each other");
    for (const std::string& setting : settings_) {
      const std::size_t equals = setting.find('=');
      if (equals == std::string::npos) return usage_error("--set takes KEY=VALUE");
      wishes_.settings.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
    }
    return ok();
  }

  Result<void> print_documents(const std::vector<Document>& documents) const {
    std::string out;
    for (const Document& document : documents) {
      if (format_ == "json") base::append_json(out += out.empty() ? "[\n" : ",\n", document);
      else append_yaml(out += out.empty() ? "" : "---\n", document);
    }
    return print(format_ == "json" ? out + "\n]\n" : out);
  }

  // The secret is read before anything is changed: most that goes wrong does so there.
  Result<void> add(const Preset& preset, const PresetResources& resources) {
    const auto client =
        CLV_TRY(AdminClient::create());  // first of all: it sees to where OpenSSL puts its memory
    CLV_TRY_VOID(check_offline(resources.documents));
    CLV_TRY_VOID(check_absent(*client));
    const std::optional<base::SecretBytes> secret = CLV_TRY(read_secret(*client, resources));
    const std::string body = CLV_TRY(apply_body(resources.documents));
    const AdminAnswer answer = CLV_TRY(client->exchange(
        {.method = "POST", .target = "/api/v1/apply", .content_type = "application/json", .body = body}));
    if (answer.status >= 300)
      return refusal(answer.status, answer.body, answer.request_id, answer.retry_after_seconds,
                     client->address());
    const bool is_set = secret.has_value();
    if (is_set) CLV_TRY_VOID(set_secret(*client, resources.credential, secret->reveal_text()));
    return report(preset, resources, answer.body, is_set);
  }

  // What is there is not made over: somebody's calls depend on it.
  Result<void> check_absent(AdminClient& client) const {
    for (const auto& [kind, name] : {std::pair(policy::Kind::kUpstream, wishes_.name),
                                     std::pair(policy::Kind::kCredential, wishes_.name + "-main")}) {
      const AdminAnswer answer =
          CLV_TRY(client.exchange({.method = "GET", .target = kind_target(kind) + "/" + name}));
      if (answer.status == 404) continue;
      if (answer.status >= 300)
        return refusal(answer.status, answer.body, answer.request_id, answer.retry_after_seconds,
                       client.address());
      return Error::formatted(
          Code::kInvalid, Blame::kOperator,
          std::string(policy::kind_name(kind)) + " '" + name +
              "' is there already; change it with `claviger apply`, or choose another name");
    }
    return ok();
  }

  Result<std::optional<base::SecretBytes>> read_secret(AdminClient& client,
                                                       const PresetResources& resources) const {
    std::optional<base::SecretBytes> secret;
    if (!from_file_.empty()) secret = CLV_TRY(client.sources().read("file:" + from_file_));
    if (!from_env_.empty()) secret = CLV_TRY(client.sources().read("env:" + from_env_));
    if (from_stdin_)
      secret =
          CLV_TRY(read_secret_input(client.arena(), "Secret of credential '" + resources.credential + "' (" +
                                                        std::string(resources.secret) + ", not shown): "));
    return secret;
  }

  static Result<void> set_secret(AdminClient& client, const std::string& credential,
                                 std::string_view secret) {
    const auto set =
        client.call({.method = "PUT",
                     .target = CLV_TRY(resource_target(policy::Kind::kCredential, credential)) + "/secret",
                     .content_type = "application/octet-stream",
                     .body = secret});
    if (set.has_value()) return ok();
    return Error::formatted(
        set.error().code(), set.error().blame(),
        "the resources were made, but the secret was not set: " + std::string(set.error().what()) +
            "; set it with: claviger credential set " + credential);
  }

  Result<void> report(const Preset& preset, const PresetResources& resources, const std::string& body,
                      bool is_set) const {
    if (format_ == "json") return print(body + (body.ends_with('\n') ? "" : "\n"));
    if (format_ == "yaml") return print_documents(resources.documents);
    const Document answer = CLV_TRY(base::parse_json(body, "the gateway's answer"));
    const Document* results = member(answer, "results");
    std::string lines;
    if (results != nullptr)
      for (const Document& result : results->items)
        lines += printable(text_member(result, "kind")) + "/" + printable(text_member(result, "name")) + " " +
                 printable(text_member(result, "effect")) + "\n";
    if (is_set) lines += "credential/" + resources.credential + " set\n";
    CLV_TRY_VOID(print(lines));
    if (!is_set && wishes_.from.empty())
      remark("set its secret (" + std::string(resources.secret) + "): claviger credential set " +
             resources.credential);
    const std::string mount(text_member(resources.documents.front(), "mount"));
    std::string sdk(preset.sdk);
    if (const std::size_t at = sdk.find("{gateway}"); at != std::string::npos)
      sdk.replace(at, 9, "https://<gateway>" + mount);
    remark("for callers: " + sdk);
    return ok();
  }

  PresetWishes wishes_;
  std::string preset_, from_file_, from_env_, format_ = "text";
  std::vector<std::string> settings_;
  bool from_stdin_ = false, dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_upstream_add() { return std::make_unique<UpstreamAdd>(); }

}  // namespace claviger::cli
