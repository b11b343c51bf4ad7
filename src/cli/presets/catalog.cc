// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

#include <array>

namespace claviger::cli {

std::span<const Preset* const> presets() noexcept {
  static constexpr std::array<const Preset*, 11> kAll = {&kOpenAi,     &kAnthropic,    &kGemini, &kGitHub,
                                                         &kGitLab,     &kStripe,       &kAws,    &kTechnitium,
                                                         &kZadaraVpsa, &kZadaraObject, &kGeneric};
  return kAll;
}

}  // namespace claviger::cli
