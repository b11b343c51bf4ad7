// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/catalog.h"
#include "cli/output.h"
#include "cli/presets.h"
#include "cli/table.h"

namespace claviger::cli {
namespace {

std::string joined(std::span<const std::string_view> items, std::string_view otherwise) {
  std::string text;
  for (const std::string_view item : items) text.append(text.empty() ? "" : ", ").append(item);
  return text.empty() ? std::string(otherwise) : text;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  base::append_json_string(out += out.ends_with('{') ? "" : ",", name);
  base::append_json_string(out += ':', value);
}
void append_members(std::string& out, std::string_view name, std::span<const std::string_view> values) {
  base::append_json_string(out += ',', name);
  out += ":[";
  for (const std::string_view value : values)
    base::append_json_string(out += out.ends_with('[') ? "" : ",", value);
  out += ']';
}

class UpstreamPresets final : public Command {
 public:
  std::string_view path() const noexcept override { return "upstream presets"; }
  std::string_view summary() const noexcept override {
    return "Show the APIs that `upstream add` knows, or what it knows of one";
  }
  std::string_view examples() const noexcept override {
    return "  claviger upstream presets\n"
           "  claviger upstream presets github               its paths, what it denies, and how an SDK finds "
           "the gateway\n"
           "  claviger upstream presets github -o json";
  }
  void declare(Flags& flags) override {
    flags.positional("NAME", name_, "One of them (default: all)");
    flags.option("-o,--output", "FORMAT", format_, "text or json (default: text)");
  }

  Result<void> run() override {
    if (format_ != "text" && format_ != "json") return usage_error("-o takes text or json");
    if (name_.empty()) return format_ == "json" ? print_all_json() : print_table();
    const auto preset = find_preset(name_);
    if (!preset.has_value()) return usage_error(preset.error().what());
    return print(format_ == "json" ? json(**preset) + "\n" : text(**preset));
  }

 private:
  static Result<void> print_table() {
    Table table({"NAME", "WHAT", "BASE URL", "PATHS"});
    for (const Preset* each : presets()) {
      const Preset& preset = *each;
      std::string paths;
      for (const PresetPaths& set : preset.paths) paths.append(paths.empty() ? "" : ", ").append(set.name);
      table.add({std::string(preset.name), std::string(preset.what),
                 std::string(preset.base_url.empty() ? "--base-url" : preset.base_url), paths});
    }
    return print(table.text());
  }

  static Result<void> print_all_json() {
    std::string out;
    for (const Preset* preset : presets()) out += (out.empty() ? "[\n" : ",\n") + json(*preset);
    return print(out + "\n]\n");
  }

  static std::string text(const Preset& preset) {
    std::string out = std::string(preset.name) + ": " + std::string(preset.what) + "\n";
    const auto line = [&](std::string_view name, std::string_view value) {
      out.append(name).append(name.size() < 12 ? 12 - name.size() : 1, ' ').append(value).append("\n");
    };
    line("mount", preset.mount);
    line("base URL", preset.base_url.empty() ? "yours: --base-url" : preset.base_url);
    for (const PresetAuth& auth : preset.auths)
      line(auth.needs.empty() ? "auth" : "with " + std::string(auth.needs),
           std::string(auth.auth) + "; the secret is " + std::string(auth.secret));
    for (const auto& settings : {preset.settings, common_settings()})
      for (const PresetSetting& setting : settings)
        line("--set",
             std::string(setting.name) + "=...  " + std::string(setting.meaning) +
                 (setting.fallback.empty() ? "" : " (default: " + std::string(setting.fallback) + ")"));
    for (const PresetPaths& set : preset.paths) {
      line("--paths", std::string(set.name) + "  " + std::string(set.meaning));
      for (const PresetRule& rule : set.rules)
        line("", "  " + joined(rule.methods, "any method") + ": " + joined(rule.paths, "everything"));
    }
    line("--paths", "all  everything but what is denied");
    for (const std::string_view denied : preset.denied) line("denied", denied);
    if (preset.parts.empty()) line("variables", joined(preset.variables, "none"));
    else line("variables", joined(preset.parts, "") + " together");
    line("callers", preset.sdk);
    return out;
  }

  static std::string json(const Preset& preset) {
    std::string out = "{";
    append_member(out, "name", preset.name);
    append_member(out, "what", preset.what);
    append_member(out, "mount", preset.mount);
    append_member(out, "base_url", preset.base_url);
    out += ",\"auth\":[";
    for (const PresetAuth& auth : preset.auths) {
      out += out.ends_with('[') ? "{" : ",{";
      append_member(out, "needs", auth.needs);
      append_member(out, "secret", auth.secret);
      out.append(",\"settings\":").append(auth.auth).append("}");
    }
    out += "],\"settings\":[";
    for (const auto& settings : {preset.settings, common_settings()})
      for (const PresetSetting& setting : settings) {
        out += out.ends_with('[') ? "{" : ",{";
        append_member(out, "name", setting.name);
        append_member(out, "meaning", setting.meaning);
        append_member(out, "default", setting.fallback);
        out += '}';
      }
    out += "],\"paths\":[";
    for (const PresetPaths& set : preset.paths) {
      out += out.ends_with('[') ? "{" : ",{";
      append_member(out, "name", set.name);
      append_member(out, "meaning", set.meaning);
      out += ",\"rules\":[";
      for (const PresetRule& rule : set.rules) {
        out += out.ends_with('[') ? "{" : ",{";
        append_member(out, "set", set.name);
        append_members(out, "methods", rule.methods);
        append_members(out, "paths", rule.paths);
        out += '}';
      }
      out += "]}";
    }
    out += ']';
    append_members(out, "deny_paths", preset.denied);
    append_members(out, "variables", preset.variables);
    append_members(out, "parts", preset.parts);
    append_member(out, "sdk", preset.sdk);
    return out + "}";
  }

  std::string name_, format_ = "text";
};

}  // namespace

std::unique_ptr<Command> make_upstream_presets() { return std::make_unique<UpstreamPresets>(); }

}  // namespace claviger::cli
