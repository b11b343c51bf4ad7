// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include "cli/admin_address.h"
#include "cli/catalog.h"
#include "cli/input.h"
#include "cli/output.h"
#include "server/initialise.h"
#include "vault/passphrase.h"

namespace claviger::cli {
namespace {

constexpr std::string_view kMade =
    "Made in {dir}:\n"
    "  master key   {master_key} (id {id})\n"
    "  certificate  {ca} is the CA that clients need; its own key was thrown away\n"
    "  store        {store}\n"
    "  admin key    {admin_key}\n\n"
    "Keep the master key apart from backups of the store: together they are everything.\n"
    "Move the admin key to where you keep such things; it is stored nowhere else.\n\n"
    "Next:\n"
    "  claviger {serve} --data-dir {dir} &\n"
    "  export CLAVIGER_CACERT={ca} CLAVIGER_TOKEN=$(cat {admin_key})\n"
    "{address}"
    "  claviger upstream presets     # or write resources.yaml: claviger apply -f resources.yaml\n";

class Init final : public Command {
 public:
  std::string_view path() const noexcept override { return "init"; }
  std::string_view summary() const noexcept override {
    return "Make a data directory: master key, certificate, store, first admin API key";
  }
  std::string_view examples() const noexcept override {
    return "  claviger init --data-dir /var/lib/claviger\n"
           "  CLAVIGER_MASTER_KEY=... claviger init --config c.yaml     with `master_key: { from: "
           "\"env:CLAVIGER_MASTER_KEY\" }`\n\n"
           "Afterwards: `claviger serve --data-dir DIR`, and for the other commands\n"
           "  export CLAVIGER_CACERT=DIR/ca.pem CLAVIGER_TOKEN=$(cat DIR/admin.key)\n"
           "Keep a copy of DIR/master.key apart from the backups: without it no secret in the store can be "
           "opened.";
  }
  void declare(Flags& flags) override {
    flags.option("--data-dir", "DIR", data_dir_, "Where to make it (default: data_dir of the configuration)");
    flags.option("--config", "FILE", config_, "The configuration file (default: built-in defaults)");
  }

  Result<void> run() override {
    server::SecretMemory memory = CLV_TRY(server::prepare_process());
    server::Config config =
        config_.empty() ? server::default_config() : CLV_TRY(server::read_config(config_));
    if (!data_dir_.empty()) config.data_dir = data_dir_;
    const server::Initialised made =
        CLV_TRY(server::initialise(config, memory, SystemClock(), passphrase_prompt(memory.arena)));
    const std::string serve = config_.empty() ? "serve" : "serve --config " + config_;
    return print(fmt::format(kMade, fmt::arg("dir", config.data_dir), fmt::arg("master_key", made.master_key),
                             fmt::arg("id", made.master_key_id), fmt::arg("ca", made.ca_file),
                             fmt::arg("store", server::store_path(config)),
                             fmt::arg("admin_key", made.admin_key_file), fmt::arg("serve", serve),
                             fmt::arg("address", address_line(config))));
  }

 private:
  // How the other commands find a gateway that listens elsewhere than they look.
  static std::string address_line(const server::Config& config) {
    if (!config.admin || config.admin->listen.port == 0) return "";
    net::Endpoint at = config.admin->listen;
    if (net::is_unspecified(at.address)) at.address = server::default_config().admin->listen.address;
    const std::string url = (config.admin->tls.off ? "http://" : "https://") + net::format_endpoint(at);
    return url == kDefaultAdminAddress ? "" : "  export CLAVIGER_ADDR=" + url + "\n";
  }

  // Twice, since nobody sees what is typed. Nobody is asked where there is no terminal.
  static server::MasterKeys::Ask passphrase_prompt(base::SecretArena& arena) {
    if (::isatty(STDIN_FILENO) != 1) return {};
    return [&arena]() -> Result<base::SecretBytes> {
      auto passphrase = CLV_TRY(read_secret_input(arena, "Passphrase of the master key (not shown): "));
      CLV_TRY_VOID(vault::check_passphrase(passphrase.reveal_text()));
      const auto again = CLV_TRY(read_secret_input(arena, "The same again: "));
      if (passphrase.reveal_text() == again.reveal_text()) return passphrase;
      return Error(Code::kInvalid, Blame::kOperator,
                   "these were two different passphrases; nothing was made");
    };
  }

  std::string data_dir_, config_;
};

}  // namespace

std::unique_ptr<Command> make_init() { return std::make_unique<Init>(); }

}  // namespace claviger::cli
