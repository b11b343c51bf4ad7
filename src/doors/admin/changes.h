// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "doors/admin/call.h"
#include "net/task.h"

namespace claviger::doors::admin {

// The field of that name, or nullptr.
const base::Document* find_field(const base::Document& document, std::string_view name) noexcept;

// The change that a resource in a request's body asks for. `kind` is what the path says and the body may leave out,
// `name` likewise (empty: as the body says); what differs is refused. What answers add to a resource (status,
// revision, updated_at) is left out, so that what was got can be put back. kBadRequest.
Result<registry::Change> change_of(base::Document document, registry::Verb verb, policy::Kind kind,
                                   std::string_view name);

// Makes one change, and answers with the resource as it is then; 204 for a deletion.
net::Task<Result<void>> make_change(Context& context, AdminCall& call, registry::Change change);

// Answers with a resource: ETag, and its place when it is new.
net::Task<Result<void>> write_resource(AdminCall& call, registry::ResourceView view,
                                       const registry::Outcome* made);

// "created", "changed", ...
std::string_view effect_name(registry::Effect effect) noexcept;

}  // namespace claviger::doors::admin
