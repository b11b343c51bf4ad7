// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/document.h"
#include "doors/admin/call.h"
#include "net/task.h"

namespace claviger::doors::admin {

// Makes an API key for what the body says ({"principal", "expires"?, "cidrs"?}), and shows it this once.
net::Task<Result<void>> create_key(Context& context, AdminCall& call, base::Document document);

}  // namespace claviger::doors::admin
