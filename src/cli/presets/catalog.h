// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every preset, each in the file of its name and nowhere else. What is denied are paths at which an API makes credentials, shows them, or
// lets somebody else in: with one of those a caller would have what nobody granted. Patterns: policy/denied_paths.h.

#include "cli/presets.h"

namespace claviger::cli {

extern const Preset kOpenAi;
extern const Preset kAnthropic;
extern const Preset kGemini;
extern const Preset kGitHub;
extern const Preset kGitLab;
extern const Preset kStripe;
extern const Preset kAws;
extern const Preset kTechnitium;
extern const Preset kZadaraVpsa;
extern const Preset kZadaraObject;
extern const Preset kGeneric;

}  // namespace claviger::cli
