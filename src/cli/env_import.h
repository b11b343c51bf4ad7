// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/env_file.h"

namespace claviger::cli {

// What the gateway has already.
struct KnownCredential {
  std::string upstream;
  bool has_secret = false;
};
struct KnownResources {
  std::set<std::string, std::less<>> upstreams;
  std::map<std::string, KnownCredential, std::less<>> credentials;
};

// What was asked for besides the file.
struct ImportWishes {
  std::vector<std::string> maps;  // VARIABLE=CREDENTIAL, or VARIABLE=UPSTREAM/CREDENTIAL
  std::string upstream;  // where those go that `only` names, or the only one that there is
  std::vector<std::string> only;  // variables; empty: all
  bool replaces = false;  // also secrets that are set
};

// What becomes of one or, where a secret stands in parts, several variables.
struct ImportStep {
  enum class Action : std::uint8_t { kSet, kCreate, kLeaveOut };
  std::vector<std::size_t> entries;  // of the file: their values, with ':' between them
  std::string variables;  // their names, for people
  Action action = Action::kLeaveOut;
  std::string credential, upstream;
  std::string why;  // it is left out
  bool was_asked_for = false;  // by name: to leave it out is a failure
};

// Says what is to be done with each variable: by `maps`, then by `upstream`, then by what presets know. Never fails for what is in the
// file: a step says so. kInvalid for wishes that cannot be read, or name a variable that is not there.
Result<std::vector<ImportStep>> plan_import(std::span<const EnvEntry> entries, const ImportWishes& wishes,
                                            const KnownResources& known);

}  // namespace claviger::cli
