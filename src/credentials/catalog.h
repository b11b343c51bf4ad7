// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "credentials/kind.h"

namespace claviger::credentials {

// All kinds there are, in the order of the documentation.
std::span<const Kind* const> catalog() noexcept;

// The kind that `auth` names. kInvalid at its place, with the list of kinds, when there is no such one.
Result<const Kind*> find_kind(const base::Document& auth);

}  // namespace claviger::credentials
