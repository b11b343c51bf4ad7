// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/document.h"
#include "base/result.h"
#include "policy/resources.h"

namespace claviger::policy {

// Reads a resource of kind `upstream`. Internal to policy; see add_resource().
Result<UpstreamResource> read_upstream(const base::Document& document);

}  // namespace claviger::policy
