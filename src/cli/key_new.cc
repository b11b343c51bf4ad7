// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>

#include "base/ip.h"
#include "base/parse.h"
#include "cli/catalog.h"
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
    flags.required("--principal", "NAME", principal_, "Whose key it is");
    flags.option("--expires", "TIME", expires_,
                 "When it ends: 90d, 12h, or a time such as 2027-01-01T00:00:00Z (default: never)");
    flags.repeated("--cidr", "RANGE", cidrs_,
                   "An address range it may be used from (may be given again; default: anywhere)");
    flags.option("-o,--output", "FORMAT", format_, "yaml or json (default: yaml)");
  }

  Result<void> run() override {
    if (format_ != "yaml" && format_ != "json") return usage_error("-o takes yaml or json");
    if (!base::is_resource_name(principal_))
      return usage_error("--principal must be 1 to 64 of a-z 0-9 - _ . and begin with a letter or digit");
    const std::string expires = CLV_TRY(expiry());
    for (const std::string& cidr : cidrs_)
      if (auto parsed = base::parse_cidr(cidr); !parsed.has_value())
        return usage_error("--cidr '" + cidr + "': " + std::string(parsed.error().what()));
    server::SecretMemory memory = CLV_TRY(server::prepare_process());
    const identity::NewApiKey key = CLV_TRY(identity::generate_api_key(memory.arena));
    const std::string hash = identity::format_key_hash(key.hash);
    return format_ == "yaml" ? print_yaml(key, hash, expires) : print_json(key, hash, expires);
  }

 private:
  Result<std::string> expiry() const {
    if (expires_.empty()) return std::string();
    const WallTime now = SystemClock().wall();
    if (const auto after = base::parse_duration(expires_); after.has_value())
      return base::format_rfc3339(now + *after);
    const auto at = base::parse_rfc3339(expires_);
    if (!at.has_value())
      return usage_error("--expires takes a duration such as 90d, or a time such as 2027-01-01T00:00:00Z");
    if (*at <= now) return usage_error("--expires lies in the past");
    return base::format_rfc3339(*at);
  }

  // The key goes to the terminal by write(2), straight from where it lies: stdio would keep a copy.
  static Result<void> print(std::string_view before, const identity::NewApiKey& key, std::string_view after) {
    for (const std::string_view part : {before, key.text.reveal_text(), after}) {
      std::string_view rest = part;
      while (!rest.empty()) {
        const ssize_t put = ::write(STDOUT_FILENO, rest.data(), rest.size());
        if (put <= 0) return Error::from_errno(Code::kIo, Blame::kOperator, "writing the key", errno);
        rest.remove_prefix(static_cast<std::size_t>(put));
      }
    }
    return ok();
  }

  Result<void> print_yaml(const identity::NewApiKey& key, const std::string& hash,
                          const std::string& expires) const {
    std::string resource =
        "\n# The resource: it holds the key's hash alone.\nkind: api_key\nname: " + key.id +
        "\nprincipal: " + principal_ + "\nhash: \"" + hash + "\"\n";
    if (!cidrs_.empty()) {
      resource += "cidrs:\n";
      for (const std::string& cidr : cidrs_) resource += "  - \"" + cidr + "\"\n";
    }
    if (!expires.empty()) resource += "expires: " + expires + "\n";
    return print("# The key, for the caller. It is shown this once and stored nowhere:\n# ", key, resource);
  }

  Result<void> print_json(const identity::NewApiKey& key, const std::string& hash,
                          const std::string& expires) const {
    std::string ranges;
    for (const std::string& cidr : cidrs_) ranges += (ranges.empty() ? "\"" : ",\"") + cidr + "\"";
    const std::string resource = R"(","resource":{"kind":"api_key","name":")" + key.id +
                                 R"(","principal":")" + principal_ + R"(","hash":")" + hash + "\"" +
                                 (ranges.empty() ? "" : ",\"cidrs\":[" + ranges + "]") +
                                 (expires.empty() ? "" : ",\"expires\":\"" + expires + "\"") + "}}\n";
    return print(R"({"key":")", key, resource);
  }

  std::string principal_, expires_, format_ = "yaml";
  std::vector<std::string> cidrs_;
};

}  // namespace

std::unique_ptr<Command> make_key_new() { return std::make_unique<KeyNew>(); }

}  // namespace claviger::cli
