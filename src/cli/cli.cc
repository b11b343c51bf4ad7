// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/admin_failure.h"
#include "cli/command.h"
#include "server/process.h"
#include "server/version.h"
#include "telemetry/redact.h"

namespace claviger::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

class ParserFlags final : public Flags {
 public:
  explicit ParserFlags(CLI::App& app) noexcept : app_(app) {}
  void option(std::string_view name, std::string_view value_name, std::string& into,
              std::string_view help) override {
    app_.add_option(std::string(name), into, std::string(help))->type_name(std::string(value_name));
  }
  void required(std::string_view name, std::string_view value_name, std::string& into,
                std::string_view help) override {
    app_.add_option(std::string(name), into, std::string(help))
        ->type_name(std::string(value_name))
        ->required();
  }
  void repeated(std::string_view name, std::string_view value_name, std::vector<std::string>& into,
                std::string_view help) override {
    app_.add_option(std::string(name), into, std::string(help))
        ->type_name(std::string(value_name))
        ->allow_extra_args(false);
  }
  void several(std::string_view name, std::string_view value_name, std::vector<std::string>& into,
               std::string_view help) override {
    app_.add_option(std::string(name), into, std::string(help))->type_name(std::string(value_name));
  }
  void flag(std::string_view name, bool& into, std::string_view help) override {
    app_.add_flag(std::string(name), into, std::string(help));
  }
  void positional(std::string_view name, std::string& into, std::string_view help) override {
    app_.add_option(std::string(name), into, std::string(help))->type_name("");
  }

 private:
  CLI::App& app_;
};

// What stands behind the name of a group in `claviger --help`.
std::string about_group(std::string_view group) {
  struct About {
    std::string_view group, text;
  };
  constexpr std::array<About, 5> kGroups = {{
      {"audit", "The log that cannot be altered unseen: read it, prove it"},
      {"credential", "What the gateway holds for upstreams: set its secret, or stop using it"},
      {"key", "API keys, which callers present to the gateway: make, list, revoke"},
      {"principal", "Who calls the gateway: let in, or not"},
      {"upstream", "APIs that calls go to: make one from a preset, show the presets"},
  }};
  const auto* const about = std::ranges::find(kGroups, group, &About::group);
  return about == kGroups.end() ? "Commands about " + std::string(group) : std::string(about->text);
}

// "key new" is `new` below `key`; the group is made when first needed.
CLI::App& add_command(CLI::App& root, const Command& command) {
  std::string_view path = command.path();
  CLI::App* parent = &root;
  if (const std::size_t space = path.find(' '); space != std::string_view::npos) {
    const std::string group(path.substr(0, space));
    const auto groups = root.get_subcommands([&](const CLI::App* app) { return app->get_name() == group; });
    parent = !groups.empty() ? groups.front()
                             : root.add_subcommand(group, about_group(group))
                                   ->require_subcommand(1)
                                   ->footer("\nExamples:\n  claviger " + std::string(command.path()) +
                                            " --help     shows how, as for each of them");
    path.remove_prefix(space + 1);
  }
  CLI::App* app = parent->add_subcommand(std::string(path), std::string(command.summary()));
  app->footer("\nExamples:\n" + std::string(command.examples()));
  return *app;
}

// The parser would only say that one is missing.
bool has_command(const CLI::App& root, std::string_view name) {
  return !root.get_subcommands([&](const CLI::App* app) { return app->get_name() == name; }).empty();
}

// "credential rotate" where `credential` is a group without such a command.
std::string unknown_in_group(const CLI::App& root, int argc, char** argv) {
  if (argc < 3 || argv[2][0] == '-') return {};
  const auto groups = root.get_subcommands([&](const CLI::App* app) { return app->get_name() == argv[1]; });
  const auto any = [](const CLI::App*) { return true; };
  if (groups.empty() || groups.front()->get_subcommands(any).empty() || has_command(*groups.front(), argv[2]))
    return {};
  return std::string(argv[1]) + " " + argv[2];
}

void complain(std::string_view what) {
  const std::string text = "claviger: " + telemetry::redact(what) + "\n";
  std::fputs(text.c_str(), stderr);
}

int finish(const Command& command, const Result<void>& outcome) {
  if (outcome.has_value()) return 0;
  if (!is_already_said(outcome.error())) complain(outcome.error().what());
  if (is_no_token(outcome.error())) std::fputs("  export CLAVIGER_TOKEN=$(cat DIR/admin.key)\n", stderr);
  if (!is_usage_error(outcome.error())) return kFailed;
  std::fprintf(stderr, "Try `claviger %.*s --help`.\n", static_cast<int>(command.path().size()),
               command.path().data());
  return kWrongUsage;
}

int parse_and_run(int argc, char** argv) {
  CLI::App root(
      "Claviger holds API credentials so that nothing else has to: applications call third-party APIs "
      "through it\n"
      "with keys of their own, and never see the real ones.",
      "claviger");
  root.require_subcommand(1);
  root.set_version_flag("--version", "claviger " + std::string(server::kVersion));
  root.footer(
      "\nStart here:\n  claviger serve --demo --data-dir ./demo     a gateway with an upstream to try it on\n"
      "  claviger init --data-dir DIR                a gateway with a store: keys, certificate, first admin "
      "key\n"
      "  claviger serve --data-dir DIR               runs it; the other commands manage it\n"
      "  claviger serve --resources DIR              a gateway beside your application, without a store\n"
      "`claviger COMMAND --help` shows each command by example.");
  const auto commands = make_commands();
  std::vector<CLI::App*> apps;
  for (const auto& command : commands) {
    apps.push_back(&add_command(root, *command));
    ParserFlags flags(*apps.back());
    command->declare(flags);
  }
  if (argc > 1 && argv[1][0] != '-' && !has_command(root, argv[1])) {
    complain("there is no command '" + std::string(argv[1]) + "'");
    std::fputs("`claviger --help` lists what there is.\n", stderr);
    return kWrongUsage;
  }
  if (const std::string unknown = unknown_in_group(root, argc, argv); !unknown.empty()) {
    complain("there is no command '" + unknown + "'");
    std::fprintf(stderr, "`claviger %s --help` lists what there is.\n", argv[1]);
    return kWrongUsage;
  }
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return root.exit(error);  // --help, --version
    // What is one too many there may be a secret that belongs on standard input: it is not repeated.
    const bool is_extra =
        dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && std::string_view(argv[1]) == "credential";
    complain(is_extra ? "there is an argument too many, or an option that this command does not have"
                      : error.what());
    std::fputs("Try `claviger --help`, or `claviger COMMAND --help`.\n", stderr);
    return kWrongUsage;
  }
  for (std::size_t i = 0; i < commands.size(); ++i)
    if (apps[i]->parsed()) return finish(*commands[i], commands[i]->run());
  return kWrongUsage;
}

}  // namespace

int run(int argc, char** argv) {
  server::open_standard_streams();
  try {
    return parse_and_run(argc, argv);
  } catch (const std::exception& error) {
    complain(error.what());
    return kFailed;
  }
}

}  // namespace claviger::cli
