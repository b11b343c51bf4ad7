// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/output.h"
#include "server/initialise.h"

namespace claviger::cli {
namespace {

class Init final : public Command {
 public:
  std::string_view path() const noexcept override { return "init"; }
  std::string_view summary() const noexcept override {
    return "Make a data directory: master key, certificate, store, first admin API key";
  }
  std::string_view examples() const noexcept override {
    return "  claviger init --data-dir /var/lib/claviger\n"
           "  CLAVIGER_MASTER_KEY=... claviger init --config c.yaml     with `master_key: { from: \"env:CLAVIGER_MASTER_KEY\" }`\n\n"
           "Afterwards: `claviger serve --data-dir DIR`, and for the other commands\n"
           "  export CLAVIGER_CACERT=DIR/ca.pem CLAVIGER_TOKEN=$(cat DIR/admin.key)\n"
           "Keep a copy of DIR/master.key apart from the backups: without it no secret in the store can be opened.";
  }
  void declare(Flags& flags) override {
    flags.option("--data-dir", "DIR", data_dir_, "Where to make it (default: data_dir of the configuration)");
    flags.option("--config", "FILE", config_, "The configuration file (default: built-in defaults)");
  }

  Result<void> run() override {
    server::SecretMemory memory = CLV_TRY(server::prepare_process());
    server::Config config = config_.empty() ? server::default_config() : CLV_TRY(server::read_config(config_));
    if (!data_dir_.empty()) config.data_dir = data_dir_;
    const server::Initialised made = CLV_TRY(server::initialise(config, memory, SystemClock()));
    const std::string text =
        "Made in " + config.data_dir + ":\n"
        "  master key   " + made.master_key + " (id " + made.master_key_id + ")\n"
        "  certificate  " + made.ca_file + " is the CA that clients need; its own key was thrown away\n"
        "  store        " + server::store_path(config) + "\n"
        "  admin key    " + made.admin_key_file + "\n\n"
        "Keep the master key apart from backups of the store: together they are everything.\n"
        "Move the admin key to where you keep such things; it is stored nowhere else.\n\n"
        "Next:\n"
        "  claviger serve " + (config_.empty() ? "" : "--config " + config_ + " ") + "--data-dir " + config.data_dir + " &\n"
        "  export CLAVIGER_CACERT=" + made.ca_file + " CLAVIGER_TOKEN=$(cat " + made.admin_key_file + ")\n"
        "  claviger apply -f resources.yaml\n";
    return print(text);
  }

 private:
  std::string data_dir_, config_;
};

}  // namespace

std::unique_ptr<Command> make_init() { return std::make_unique<Init>(); }

}  // namespace claviger::cli
