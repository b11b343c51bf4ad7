// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <array>

#include "cli/catalog.h"
#include "cli/output.h"
#include "server/demo.h"
#include "server/initialise.h"
#include "server/server.h"

namespace claviger::cli {
namespace {

class Serve final : public Command {
 public:
  std::string_view path() const noexcept override { return "serve"; }
  std::string_view summary() const noexcept override { return "Run the gateway"; }
  std::string_view examples() const noexcept override {
    return "  claviger serve --demo --data-dir ./demo                 try it: upstream, key, curl line\n"
           "  claviger init --data-dir ./data && claviger serve --data-dir ./data\n"
           "                                                          a gateway with a store, managed while "
           "it runs\n"
           "  claviger serve --resources ./resources                  beside an application: resources from "
           "YAML files\n"
           "  claviger serve --config c.yaml                          with a configuration of your own\n\n"
           "SIGHUP reads configuration, certificates, CA files and, with --resources, resources anew; a bad\n"
           "file changes nothing. SIGTERM finishes what is in flight.\n"
           "CLAVIGER_SECRET_MEMORY=memfd|locked picks the memory that secrets live in (default: memfd where\n"
           "there is one).";
  }
  void declare(Flags& flags) override {
    flags.option("--data-dir", "DIR", data_dir_,
                 "Where store, keys and audit log live (default: data_dir of the configuration)");
    flags.option("--resources", "DIR", resources_,
                 "Side-car mode, without a store: a directory of YAML files with all resources");
    flags.option("--config", "FILE", config_, "The configuration file (default: built-in defaults)");
    flags.flag("--demo", demo_,
               "Start an echo upstream as well, and make everything that a first call needs");
  }

  Result<void> run() override {
    if (demo_ && !resources_.empty())
      return usage_error("--demo makes resources of its own; leave --resources out");
    server::SecretMemory memory = CLV_TRY(server::prepare_process());
    server::raise_file_limit();
    return serve(CLV_TRY(read_config()), memory);
  }

 private:
  // What the command line says wins, now and at each reload.
  Result<server::Config> read_config() const {
    server::Config config =
        config_.empty() ? server::default_config() : CLV_TRY(server::read_config(config_));
    if (!data_dir_.empty()) config.data_dir = data_dir_;
    else if (demo_) config.data_dir = "claviger-demo";
    return config;
  }

  Result<void> serve(server::Config config, server::SecretMemory& memory) {
    const SystemClock clock;
    telemetry::Log log(config.log_level, STDERR_FILENO, clock);
    const auto control = CLV_TRY(net::Loop::create(clock));
    if (!demo_) {
      const auto server = CLV_TRY(server::Server::create(
          *control, {std::move(config), resources_, {}, [this] { return read_config(); }}, memory, clock,
          log));
      return server->run();
    }
    if (!server::is_initialised(config)) CLV_TRY(server::initialise(config, memory, clock));
    const auto demo = CLV_TRY(server::Demo::create(*control));
    std::unique_ptr<server::Server> server;
    Result<void> outcome = ok();
    const auto on_ready = [&] { net::spawn(show(*server, *demo, memory, *control, outcome)); };
    server = CLV_TRY(server::Server::create(
        *control, {std::move(config), "", on_ready, [this] { return read_config(); }}, memory, clock, log));
    CLV_TRY_VOID(server->run());
    return outcome;
  }

  static net::Task<void> show(server::Server& server, server::Demo& demo, server::SecretMemory& memory,
                              net::Loop& control, Result<void>& outcome) {
    const auto key = co_await demo.set_up(*server.registry(), memory);
    outcome = key.has_value() ? print_what_to_do(server, *key) : Result<void>(key.error());
    if (!outcome.has_value()) control.stop();
  }

  static Result<void> print_what_to_do(const server::Server& server, const base::SecretBytes& key) {
    const server::Config& config = server.config();
    const bool tls = !config.gateway.tls.off;
    const std::string ca = server.ca_file().empty() ? "" : "--cacert " + server.ca_file() + " ";
    const std::string before =
        "\nThe gateway is up. Call the demo upstream through it (the key is good until the next start):\n\n"
        "  curl " +
        ca + "-H 'Authorization: Bearer ";
    const std::string after = "' " + std::string(tls ? "https" : "http") + "://" +
                              net::format_endpoint(server.gateway_endpoint()) +
                              "/echo/hello\n\nThe answer shows what the upstream saw: a credential that you "
                              "never had, and that is masked where it comes back. See the call in the "
                              "audit log, and prove the log:\n\n" +
                              management_lines(server) + "\nCtrl-C stops.\n\n";
    return print_secret({before, key.reveal_text(), after});
  }

  // Where it is not the default, which needs no saying.
  static std::string admin_address(const server::Server& server) {
    const std::string address = std::string(server.config().admin->tls.off ? "http://" : "https://") +
                                net::format_endpoint(server.admin_endpoint());
    return address == "https://127.0.0.1:9443" ? std::string() : "CLAVIGER_ADDR=" + address + " ";
  }

  static std::string management_lines(const server::Server& server) {
    const std::string& directory = server.config().data_dir;
    std::array<char, 4096> self{};
    const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size());
    const std::string binary =
        size > 0 ? std::string(self.data(), static_cast<std::size_t>(size)) : "claviger";
    std::string lines;
    if (server.config().admin)
      lines = "  export " + admin_address(server) + "CLAVIGER_CACERT=" + directory +
              "/ca.pem CLAVIGER_TOKEN=$(cat " + directory + "/admin.key)\n  " + binary + " audit tail\n";
    return lines + "  " + binary + " audit verify --data-dir " + directory + "\n";
  }

  std::string resources_, config_, data_dir_;
  bool demo_ = false;
};

}  // namespace

std::unique_ptr<Command> make_serve() { return std::make_unique<Serve>(); }

}  // namespace claviger::cli
