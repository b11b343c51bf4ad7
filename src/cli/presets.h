// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is known of APIs that many people use, so that an upstream is made with one command. All of it is data, in
// presets/: nothing else in Claviger knows any of these APIs.

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/document.h"
#include "base/result.h"

namespace claviger::cli {

// What the operator says with --set. Stands as {name} in base URLs and auth settings.
struct PresetSetting {
  std::string_view name;
  std::string_view meaning;
  std::string_view fallback;  // "": must be given where it is used
  std::span<const std::string_view> refused = {};  // values that are no good idea
  std::string_view why_refused = {};
};

// A way to prove identity: settings of `auth`, as JSON. Of several the first is taken whose setting `needs` was given.
struct PresetAuth {
  std::string_view needs;  // "": nothing; the last
  std::string_view auth;
  std::string_view secret;  // what the secret is, for people
};

// A grant's methods and paths.
struct PresetRule {
  std::span<const std::string_view> methods;  // empty: all
  std::span<const std::string_view> paths;  // empty: all
};

// Paths worth granting, under one name.
struct PresetPaths {
  std::string_view name;
  std::string_view meaning;
  std::span<const PresetRule> rules;
};

struct Preset {
  std::string_view name;
  std::string_view what;
  std::string_view mount;
  std::string_view base_url = {};  // "": the operator's own
  std::string_view api_path = {};  // with which all paths of the API begin, and no base URL ends: "/v1"
  std::string_view settings_of_upstream = {};  // further settings of the upstream, as JSON; "": none
  std::span<const PresetSetting> settings = {};
  std::span<const PresetAuth> auths;
  std::span<const PresetPaths> paths;  // the first is what --grant gives without --paths
  std::span<const std::string_view> denied = {};  // for deny_paths: what makes or shows credentials
  // Names of environment variables under which SDKs and .env files have the secret.
  std::span<const std::string_view> variables = {};
  // Or names of several that have it in parts: it is their values in this order with ':' between them, the last where there is one
  // beyond two.
  std::span<const std::string_view> parts = {};
  std::string_view sdk;  // how the API's own SDK is pointed at the gateway; {gateway} is gateway and mount
};

// In the order of the documentation.
std::span<const Preset* const> presets() noexcept;
// kInvalid names those that there are.
Result<const Preset*> find_preset(std::string_view name);
// The preset whose secret a variable of that name holds, or a part of it; nullptr when none does.
const Preset* preset_of_variable(std::string_view variable) noexcept;

// What is asked of a preset.
struct PresetWishes {
  std::string name;  // of the upstream
  std::string base_url;  // "": the preset's
  std::string mount;  // "": the preset's, or /<name> where the name is another one
  std::vector<std::pair<std::string, std::string>> settings;
  std::string from;  // of the credential; "": its secret is set
  std::string principal;  // whom it is granted to; "": nobody
  std::vector<std::string> paths;  // names of sets, or "all"; empty: the first
};

// Settings that every preset takes, beside its own.
std::span<const PresetSetting> common_settings() noexcept;

struct PresetResources {
  std::vector<base::Document>
      documents;  // an upstream, its credential "<name>-main", and grants, as they are written
  std::string credential;
  std::string_view secret;  // PresetAuth::secret
};

// kInvalid says what is missing, unknown or no good. What only the gateway's reader knows (whether a base URL is one) it is left to.
Result<PresetResources> make_resources(const Preset& preset, const PresetWishes& wishes);

}  // namespace claviger::cli
