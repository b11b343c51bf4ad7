// SPDX-License-Identifier: Apache-2.0
#include "cli/env_import.h"

#include <algorithm>
#include <optional>

#include "base/parse.h"
#include "cli/presets.h"

namespace claviger::cli {
namespace {

Error invalid(std::string what) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what));
}

// "OPENAI_API_KEY" as a resource's name.
std::string name_of_variable(std::string_view variable) {
  std::string name;
  for (const char c : variable.substr(0, 64))
    name += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  while (!name.empty() && name.front() == '-') name.erase(0, 1);
  return name;
}

class ImportPlan {
 public:
  ImportPlan(std::span<const EnvEntry> entries, const ImportWishes& wishes, const KnownResources& known)
      : entries_(entries), wishes_(wishes), known_(known), taken_(entries.size(), false) {}

  Result<std::vector<ImportStep>> run() {
    for (const std::string& map : wishes_.maps) CLV_TRY_VOID(add_map(map));
    for (const std::string& name : wishes_.only) CLV_TRY(find(name));
    if (!wishes_.upstream.empty()) CLV_TRY_VOID(add_upstream());
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (!taken_[i]) add_known(i);
    return std::move(steps_);
  }

 private:
  Result<std::size_t> find(std::string_view variable) const {
    const auto found = std::ranges::find(entries_, variable, &EnvEntry::name);
    if (found == entries_.end())
      return invalid("there is no " + base::printable_name(variable) + " with a value in the file");
    return static_cast<std::size_t>(found - entries_.begin());
  }
  bool is_wanted(const std::string& name) const {
    return wishes_.only.empty() || std::ranges::find(wishes_.only, name) != wishes_.only.end();
  }
  ImportStep& step_of(std::vector<std::size_t> entries) {
    ImportStep& step = steps_.emplace_back();
    for (const std::size_t entry : entries) {
      taken_[entry] = true;
      step.variables += (step.variables.empty() ? "" : "+") + entries_[entry].name;
    }
    step.entries = std::move(entries);
    return step;
  }

  Result<void> add_map(const std::string& map) {
    const std::size_t equals = map.find('=');
    if (equals == std::string::npos)
      return invalid("--map takes VARIABLE=CREDENTIAL, or VARIABLE=UPSTREAM/CREDENTIAL");
    const std::size_t entry = CLV_TRY(find(map.substr(0, equals)));
    if (taken_[entry]) return invalid("--map names " + entries_[entry].name + " twice");
    const std::string target = map.substr(equals + 1);
    const std::size_t slash = target.find('/');
    const std::string upstream = slash == std::string::npos ? std::string() : target.substr(0, slash);
    const std::string credential = slash == std::string::npos ? target : target.substr(slash + 1);
    if (!base::is_resource_name(credential) ||
        (slash != std::string::npos && !base::is_resource_name(upstream)))
      return invalid("--map " + entries_[entry].name +
                     ": a name has 1 to 64 of a-z, 0-9, '-', '_', '.', and begins with a letter or digit");
    ImportStep& step = step_of({entry});
    step.was_asked_for = true;
    settle(step, upstream, credential);
    return ok();
  }

  // A file holds more than what one upstream is to have: databases' passwords, and other upstreams' keys.
  Result<void> add_upstream() {
    const std::size_t left = static_cast<std::size_t>(std::ranges::count(taken_, false));
    if (wishes_.only.empty() && left > 1)
      return invalid("--upstream: say with --only which of the " + std::to_string(left) +
                     " variables it is to have");
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (taken_[i] || !is_wanted(entries_[i].name)) continue;
      ImportStep& step = step_of({i});
      step.was_asked_for = true;
      settle(step, wishes_.upstream, name_of_variable(entries_[i].name));
    }
    return ok();
  }

  void add_known(std::size_t entry) {
    const std::string& name = entries_[entry].name;
    const Preset* preset = preset_of_variable(name);
    if (!is_wanted(name) || preset == nullptr) {
      ImportStep& step = step_of({entry});
      step.why =
          !is_wanted(name) ? "it was not asked for" : "no preset knows it: say --map " + name + "=CREDENTIAL";
      step.was_asked_for = !wishes_.only.empty() && is_wanted(name);
      return;
    }
    const auto parts = parts_of(*preset, name);
    ImportStep& step = step_of(parts ? *parts : std::vector{entry});
    step.was_asked_for = !wishes_.only.empty();
    if (!parts) {
      step.why = "the secret stands in parts, and not all of them are there";
      return;
    }
    settle(step, std::string(preset->name), std::string(preset->name) + "-main");
  }

  // The entries that make up the secret; none when one of them that it takes is not there.
  std::optional<std::vector<std::size_t>> parts_of(const Preset& preset, std::string_view name) const {
    const auto entry_of = [this](std::string_view variable) -> std::optional<std::size_t> {
      const auto found = std::ranges::find(entries_, variable, &EnvEntry::name);
      if (found == entries_.end() || taken_[static_cast<std::size_t>(found - entries_.begin())])
        return std::nullopt;
      return static_cast<std::size_t>(found - entries_.begin());
    };
    if (std::ranges::find(preset.parts, name) == preset.parts.end()) return std::vector{*entry_of(name)};
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < preset.parts.size(); ++i) {
      const auto entry = entry_of(preset.parts[i]);
      if (entry) all.push_back(*entry);
      else if (i < 2) return std::nullopt;  // those beyond two may be left out
    }
    return all;
  }

  void settle(ImportStep& step, const std::string& upstream, const std::string& credential) {
    step.credential = credential;
    const auto found = known_.credentials.find(credential);
    step.upstream = found != known_.credentials.end() ? found->second.upstream : upstream;
    if (!given_.insert(credential).second) {
      step.why = "another variable is for the same credential";
    } else if (found != known_.credentials.end()) {
      if (!upstream.empty() && upstream != found->second.upstream)
        step.why = "the credential is upstream '" + found->second.upstream + "''s";
      else if (found->second.has_secret && !wishes_.replaces)
        step.why = "its secret is set: say --replace for a new version of it";
      else step.action = ImportStep::Action::kSet;
    } else if (upstream.empty()) {
      step.why = "there is no such credential: say --map " + step.variables + "=UPSTREAM/" + credential;
    } else if (!known_.upstreams.contains(upstream)) {
      step.why = "there is no upstream '" + upstream + "': make it, such as with `claviger upstream add`";
    } else {
      step.action = ImportStep::Action::kCreate;
    }
  }

  std::span<const EnvEntry> entries_;
  const ImportWishes& wishes_;
  const KnownResources& known_;
  std::vector<bool> taken_;
  std::set<std::string> given_;
  std::vector<ImportStep> steps_;
};

}  // namespace

Result<std::vector<ImportStep>> plan_import(std::span<const EnvEntry> entries, const ImportWishes& wishes,
                                            const KnownResources& known) {
  return ImportPlan(entries, wishes, known).run();
}

}  // namespace claviger::cli
