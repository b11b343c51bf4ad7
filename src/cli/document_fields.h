// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/document.h"

namespace claviger::cli {

// Lenient looks into what the gateway answered: a newer one may say more, an older one less.

// The member of that name, or nullptr when `node` is no map or has none.
const base::Document* member(const base::Document& node, std::string_view name) noexcept;
// Its text when it is a scalar, else "".
std::string_view text_member(const base::Document& node, std::string_view name) noexcept;

}  // namespace claviger::cli
