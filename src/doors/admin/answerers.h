// SPDX-License-Identifier: Apache-2.0
#pragma once

// What answers each route (routes.cc), one file for each idea.

#include "doors/admin/call.h"
#include "net/task.h"

namespace claviger::doors::admin {

using Answered = net::Task<Result<void>>;

// probes.cc
Answered answer_health(Context& context, AdminCall& call);
Answered answer_readiness(Context& context, AdminCall& call);
Answered answer_metrics(Context& context, AdminCall& call);
Answered answer_security_txt(Context& context, AdminCall& call);

// resources.cc
Answered list_resources(Context& context, AdminCall& call);
Answered show_resource(Context& context, AdminCall& call);
Answered create_resource(Context& context, AdminCall& call);
Answered put_resource(Context& context, AdminCall& call);
Answered act_on_resource(Context& context, AdminCall& call);  // the route's verb, of those that need no body

// secrets.cc
Answered put_secret(Context& context, AdminCall& call);

// rotation.cc
Answered require_rotation(Context& context, AdminCall& call);

// apply.cc
Answered apply_resources(Context& context, AdminCall& call);

// inspect.cc
Answered explain_decision(Context& context, AdminCall& call);
Answered show_status(Context& context, AdminCall& call);

// rekey.cc
Answered rekey_vault(Context& context, AdminCall& call);
Answered show_rekey(Context& context, AdminCall& call);

// audit_search.cc
Answered search_events(Context& context, AdminCall& call);

// audit.cc
Answered show_events(Context& context, AdminCall& call);
Answered show_checkpoint(Context& context, AdminCall& call);
Answered rotate_audit_key(Context& context, AdminCall& call);
Answered show_pseudonym(Context& context, AdminCall& call);

}  // namespace claviger::doors::admin
