// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/config.h"

namespace claviger::server {

// The settings in which two configurations differ, by their names in the file ("limits.body"): never their values, which
// say where secrets lie.
struct ConfigChanges {
  std::vector<std::string_view> live;  // can be taken over by a running gateway
  std::vector<std::string_view> restart;  // cannot
};
ConfigChanges compare(const Config& running, const Config& wanted);

// kInvalid, "needs a restart: gateway.listen, store.url", when there are such.
Result<void> check_can_be_taken_over(const ConfigChanges& changes);

// "limits.body, log.level"; empty when nothing changed.
std::string join_names(const std::vector<std::string_view>& names);

}  // namespace claviger::server
