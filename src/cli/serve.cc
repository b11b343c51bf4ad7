// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>

#include "cli/catalog.h"
#include "server/demo.h"
#include "server/server.h"

namespace claviger::cli {
namespace {

class Serve final : public Command {
 public:
  std::string_view path() const noexcept override { return "serve"; }
  std::string_view summary() const noexcept override { return "Run the gateway"; }
  std::string_view examples() const noexcept override {
    return "  claviger serve --demo --data-dir ./demo                 try it: an upstream, a key and a curl "
           "line are made\n"
           "  claviger serve --resources ./resources                  beside an application: resources from "
           "YAML files\n"
           "  claviger serve --resources ./resources --config c.yaml  with a configuration of your own\n\n"
           "SIGHUP reads resources and certificates anew; a bad file changes nothing. SIGTERM finishes what "
           "is in flight.\n"
           "CLAVIGER_SECRET_MEMORY=memfd|locked picks the memory that secrets live in (default: memfd where "
           "there is one).";
  }
  void declare(Flags& flags) override {
    flags.option("--resources", "DIR", resources_,
                 "A directory of YAML files: upstreams, credentials, principals, API keys, grants");
    flags.option("--config", "FILE", config_, "The configuration file (default: built-in defaults)");
    flags.option("--data-dir", "DIR", data_dir_,
                 "Where the generated certificate lives (default: data_dir of the configuration)");
    flags.flag("--demo", demo_,
               "Start an echo upstream as well, and make everything that a first call needs");
  }

  Result<void> run() override {
    if (demo_ && !resources_.empty())
      return usage_error("--demo makes resources of its own; leave --resources out");
    if (!demo_ && resources_.empty())
      return usage_error("say where the resources are: --resources DIR (or try --demo)");
    server::SecretMemory memory = CLV_TRY(server::prepare_process());
    server::raise_file_limit();
    server::Config config =
        config_.empty() ? server::default_config() : CLV_TRY(server::read_config(config_));
    if (!data_dir_.empty()) config.data_dir = data_dir_;
    else if (demo_) config.data_dir = "claviger-demo";
    return serve(std::move(config), memory);
  }

 private:
  Result<void> serve(server::Config config, server::SecretMemory& memory) {
    const SystemClock clock;
    telemetry::Log log(config.log_level, STDERR_FILENO, clock);
    const auto control = CLV_TRY(net::Loop::create(clock));
    std::unique_ptr<server::Demo> demo;
    if (demo_) {
      demo = CLV_TRY(server::Demo::create(*control, config.data_dir, memory));
      resources_ = demo->resources_dir();
    }
    const bool tls = !config.gateway.tls.off;
    const auto server =
        CLV_TRY(server::Server::create(*control, {std::move(config), resources_}, memory, clock, log));
    if (demo) print_curl_line(*server, tls, *demo);
    return server->run();
  }

  // The key goes out by write(2), from the arena: stdio would keep a copy.
  static void print_curl_line(const server::Server& server, bool tls, server::Demo& demo) {
    const base::SecretBytes key = demo.take_key();
    const std::string ca = server.ca_file().empty() ? "" : "--cacert " + server.ca_file() + " ";
    const std::string before =
        "\nThe gateway is up. Call the demo upstream through it (the key is good for this run alone):\n\n  "
        "curl " +
        ca + "-H 'Authorization: Bearer ";
    const std::string after = "' " + std::string(tls ? "https" : "http") + "://" +
                              net::format_endpoint(server.gateway_endpoint()) +
                              "/echo/hello\n\nThe answer shows what the upstream saw: a credential that you "
                              "never had. Ctrl-C stops.\n\n";
    for (const std::string_view part : {std::string_view(before), key.reveal_text(), std::string_view(after)})
      if (::write(STDOUT_FILENO, part.data(), part.size()) < 0) return;
  }

  std::string resources_, config_, data_dir_;
  bool demo_ = false;
};

}  // namespace

std::unique_ptr<Command> make_serve() { return std::make_unique<Serve>(); }

}  // namespace claviger::cli
