// SPDX-License-Identifier: Apache-2.0
#include "cli/api_key_flags.h"
#include "cli/catalog.h"
#include "cli/output.h"
#include "identity/api_key.h"
#include "server/process.h"

namespace claviger::cli {
namespace {

class KeyNew final : public Command {
 public:
  std::string_view path() const noexcept override { return "key new"; }
  std::string_view summary() const noexcept override {
    return "Make an API key offline: prints the key, once, and its resource";
  }
  std::string_view examples() const noexcept override {
    return "  claviger key new --principal billing-service\n"
           "  claviger key new --principal ci --expires 90d --cidr 10.0.0.0/8\n"
           "  claviger key new --principal ci -o json\n\n"
           "Give the key to the caller. Put the resource, which holds only the key's hash, beside the "
           "others.";
  }
  void declare(Flags& flags) override {
    asked_.declare(flags);
    flags.option("-o,--output", "FORMAT", format_, "yaml or json (default: yaml)");
  }

  Result<void> run() override {
    if (format_ != "yaml" && format_ != "json") return usage_error("-o takes yaml or json");
    CLV_TRY_VOID(asked_.check());
    server::SecretMemory memory = CLV_TRY(server::prepare_process());
    const identity::NewApiKey key = CLV_TRY(identity::generate_api_key(memory.arena));
    const std::string hash = identity::format_key_hash(key.hash);
    return format_ == "yaml" ? print_yaml(key, hash) : print_json(key, hash);
  }

 private:
  Result<void> print_yaml(const identity::NewApiKey& key, const std::string& hash) const {
    std::string resource =
        "\n# The resource: it holds the key's hash alone.\nkind: api_key\nname: " + key.id +
        "\nprincipal: " + asked_.principal + "\nhash: \"" + hash + "\"\n";
    if (!asked_.cidrs.empty()) {
      resource += "cidrs:\n";
      for (const std::string& cidr : asked_.cidrs) resource += "  - \"" + cidr + "\"\n";
    }
    if (!asked_.expires.empty()) resource += "expires: " + asked_.expires + "\n";
    return print_secret({"# The key, for the caller. It is shown this once and stored nowhere:\n# ",
                         key.text.reveal_text(), resource});
  }

  Result<void> print_json(const identity::NewApiKey& key, const std::string& hash) const {
    std::string ranges;
    for (const std::string& cidr : asked_.cidrs) ranges += (ranges.empty() ? "\"" : ",\"") + cidr + "\"";
    const std::string resource =
        R"(","resource":{"kind":"api_key","name":")" + key.id + R"(","principal":")" + asked_.principal +
        R"(","hash":")" + hash + "\"" + (ranges.empty() ? "" : ",\"cidrs\":[" + ranges + "]") +
        (asked_.expires.empty() ? "" : ",\"expires\":\"" + asked_.expires + "\"") + "}}\n";
    return print_secret({R"({"key":")", key.text.reveal_text(), resource});
  }

  ApiKeyFlags asked_;
  std::string format_ = "yaml";
};

}  // namespace

std::unique_ptr<Command> make_key_new() { return std::make_unique<KeyNew>(); }

}  // namespace claviger::cli
