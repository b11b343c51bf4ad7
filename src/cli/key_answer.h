// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"

namespace claviger::cli {

// An answer that holds a new API key: {"key":"clv_...","resource":{...}}, in the arena. Views into it.
struct KeyAnswer {
  std::string_view key;
  std::string_view before;  // everything else: before it and after it
  std::string_view after;
};

// Finds the key without a copy of it. kInvalid when there is none, or the rest holds something that looks like one.
Result<KeyAnswer> find_key(std::string_view answer);

}  // namespace claviger::cli
