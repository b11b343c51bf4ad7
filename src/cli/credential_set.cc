// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/input.h"
#include "cli/kind_argument.h"
#include "cli/output.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

class CredentialSet final : public Command {
 public:
  std::string_view path() const noexcept override { return "credential set"; }
  std::string_view summary() const noexcept override {
    return "Set a credential's secret: a new version of it";
  }
  std::string_view examples() const noexcept override {
    return "  claviger credential set openai-main                         asks for it, without showing it\n"
           "  pass show openai | claviger credential set openai-main      from standard input\n"
           "  claviger credential set openai-main --from-file key.txt     readable by you alone (0600)\n"
           "  claviger credential set openai-main --from-env OPENAI_API_KEY\n\n"
           "One line end at its end is taken off. The secret is never shown again, and is bound to where "
           "the\n"
           "credential may go: when its upstream moves, it has to be set anew.";
  }
  void declare(Flags& flags) override {
    flags.positional("NAME", name_,
                     "The credential, made before (`claviger upstream add`, `claviger apply`)");
    flags.flag("--from-stdin", from_stdin_, "Read it from standard input (the default)");
    flags.option("--from-file", "FILE", from_file_, "Read it from a file that nobody else may read");
    flags.option("--from-env", "VARIABLE", from_env_, "Take it from an environment variable");
  }

  Result<void> run() override {
    if (name_.empty()) return usage_error("say which credential: NAME");
    if ((from_stdin_ ? 1 : 0) + (from_file_.empty() ? 0 : 1) + (from_env_.empty() ? 0 : 1) > 1)
      return usage_error("--from-stdin, --from-file and --from-env exclude each other");
    const std::string target = CLV_TRY(resource_target(policy::Kind::kCredential, name_));
    const auto client = CLV_TRY(AdminClient::create());
    const base::SecretBytes secret = CLV_TRY(read(*client));
    const AdminAnswer answer = CLV_TRY(client->call({.method = "PUT",
                                                     .target = target + "/secret",
                                                     .content_type = "application/octet-stream",
                                                     .body = secret.reveal_text()}));
    return report(answer.body);
  }

 private:
  Result<base::SecretBytes> read(AdminClient& client) const {
    if (!from_file_.empty()) return client.sources().read("file:" + from_file_);
    if (!from_env_.empty()) return client.sources().read("env:" + from_env_);
    return read_secret_input(client.arena(), "Secret of credential '" + name_ + "' (not shown): ");
  }

  Result<void> report(std::string_view body) const {
    const auto resource = base::parse_json(body, "the gateway's answer");
    const base::Document* status = resource.has_value() ? member(*resource, "status") : nullptr;
    std::string version, state;
    if (status != nullptr) {
      version = printable(text_member(*status, "version"));
      state = printable(text_member(*status, "state"));
    }
    return print("credential/" + name_ + " set" + (version.empty() ? "" : ": version " + version) +
                 (state.empty() ? "" : ", " + state) + "\n");
  }

  std::string name_, from_file_, from_env_;
  bool from_stdin_ = false;
};

}  // namespace

std::unique_ptr<Command> make_credential_set() { return std::make_unique<CredentialSet>(); }

}  // namespace claviger::cli
