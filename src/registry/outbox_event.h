// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vault/key_holder.h"

namespace claviger::registry {

// Events on their way through the store's outbox carry a MAC, so that whoever can write the database cannot put words of his own
// into the audit log (an old event that is put in once more shows by its revision and request id): {"mac":"<64 hex digits>","event":{...}}.
std::string seal_event(vault::KeyHolder& keys, std::string_view event);
// The event; nothing when it is not one of this gateway's.
std::optional<std::string_view> open_event(vault::KeyHolder& keys, std::string_view sealed);

}  // namespace claviger::registry
