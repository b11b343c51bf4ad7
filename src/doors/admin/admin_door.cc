// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/admin_door.h"

#include <utility>

#include "base/check.h"
#include "doors/admin/answers.h"
#include "doors/admin/authenticate.h"
#include "doors/admin/routes.h"
#include "http/path.h"
#include "http/problem.h"
#include "identity/api_key.h"

namespace claviger::doors {

using admin::Access;
using admin::AdminCall;
using admin::Context;

namespace {

bool is_api(std::string_view path) noexcept { return path == "/api" || path.starts_with("/api/"); }

AdminCall begin(Context& context, http::ServerConnection& caller) {
  AdminCall call{.caller = caller};
  call.request_id = context.request_ids.next();
  call.wall = caller.stream().loop().wall_now();
  call.began = caller.stream().loop().now();
  call.actor.address = caller.peer_text();
  call.actor.request_id = call.id();
  return call;
}

// A key in a URL lies in logs and histories from then on.
Result<void> check_target(const http::RequestHead& head) {
  CLV_TRY_VOID(http::check_canonical_path(head.path));
  if (!identity::contains_api_key(head.target)) return ok();
  return Error(Code::kBadRequest, Blame::kCaller,
               "an API key stands in the URL: send it in a field, and replace it, since it has been in logs");
}

// A few have an event each, the others are counted (gateway/refusals.h). The path is the caller's to make up: not theirs.
void note_failed_login(Context& context, const AdminCall& call, const Error& error) {
  if (!context.services.append) return;
  const std::string_view code = http::problem_kind(error.code()).code;
  if (!context.failed_logins.take(call.began))
    return context.failed_logins.count(code, call.actor.address, call.began, call.wall);
  context.services.append(audit::Event(call.wall, "login.failed")
                              .add("request_id", call.id())
                              .add("key_id", call.actor.key_id)
                              .add("address", call.actor.address)
                              .add("code", code)
                              .add("rule", call.rule));
}

Result<void> admit(Context& context, AdminCall& call) {
  if (context.services.registry == nullptr)
    return Error(Code::kNoResource, Blame::kCaller,
                 "there is no management API in side-car mode: resources are the files in --resources");
  CLV_TRY_VOID(admin::check_origin(call.head->fields));
  auto admitted = admin::authenticate(context, call);
  if (admitted.has_value()) call.caller.vouch();
  else note_failed_login(context, call, admitted.error());
  // Strangers' calls and callers' are counted apart: nobody is locked out by what others send from the same address.
  CLV_TRY_VOID(admin::take_rate(context, call, admitted.has_value() ? 1 : admin::kCostOfFailure));
  return admitted;
}

Result<void> check_right(const AdminCall& call) {
  if (call.route->access != Access::kAdmin || call.right == policy::Management::kAdmin) return ok();
  return Error(Code::kDenied, Blame::kCaller, "this principal may only read: it has `management: read`");
}

// What the path leads to.
Result<void> take_route(AdminCall& call, admin::Found found) {
  if (found.route == nullptr && found.allow.empty())
    return Error(Code::kNoResource, Blame::kCaller,
                 "there is no such path; docs/api.md has those that there are");
  call.allow = std::move(found.allow);
  if (found.route == nullptr)
    return Error::formatted(Code::kMethodNotAllowed, Blame::kCaller, "this path takes " + call.allow);
  call.route = found.route;
  call.kind = found.kind.value_or(call.kind);
  call.name = std::move(found.name);
  if (found.name_is_valid) return ok();
  return admin::bad_request("that is no name of a resource: 1 to 64 of a-z, 0-9, '-', '_', '.'");
}

net::Task<Result<void>> serve(Context& context, AdminCall& call) {
  const http::RequestHead& head = *call.head;
  admin::Found found = admin::find_route(head.method, head.path);
  const bool is_probe = found.route != nullptr && found.route->access == Access::kProbe;
  if (is_probe) {
    call.route = found.route;
    co_return co_await call.route->answer(context, call);
  }
  // Strangers learn nothing of what is there.
  if (is_api(head.path)) CLV_CO_TRY_VOID(admit(context, call));
  else CLV_CO_TRY_VOID(admin::take_rate(context, call, 1));
  CLV_CO_TRY_VOID(check_target(head));
  CLV_CO_TRY_VOID(take_route(call, std::move(found)));
  CLV_CO_TRY_VOID(check_right(call));
  CLV_CO_TRY_VOID(admin::check_body_form(head, call.route->body));
  call.query = CLV_CO_TRY(admin::Query::parse(head.query));
  co_return co_await call.route->answer(context, call);
}

void record(const Context& context, const AdminCall& call) {
  const bool is_probe = call.route != nullptr && call.route->access == Access::kProbe;
  if (!context.services.record || is_probe) return;
  AdminRecord entry;
  entry.request_id = call.id();
  entry.principal = call.actor.principal;
  entry.key_id = call.actor.key_id;
  entry.address = call.actor.address;
  entry.status = call.caller.is_aborted() ? 0 : call.status;
  if (call.head != nullptr) {
    entry.method = call.head->method_text;
    if (!identity::contains_api_key(call.head->path)) entry.path = call.head->path;
  }
  context.services.record(entry);
}

}  // namespace

AdminDoor::AdminDoor(AdminServices services) : context_(std::make_unique<Context>(std::move(services))) {
  CLV_CHECK(context_->services.registry == nullptr || context_->services.audit);
}
AdminDoor::~AdminDoor() = default;

void AdminDoor::use(policy::Rate rate, std::string security_contact) {
  context_->services.rate = rate;
  context_->services.security_contact = std::move(security_contact);
}

void AdminDoor::report_refusals(Monotonic now, WallTime wall) {
  if (context_->failed_logins.is_due(now)) report_all_refusals(wall);
}

void AdminDoor::report_all_refusals(WallTime wall) {
  if (context_->services.append && context_->failed_logins.counted() > 0)
    context_->services.append(context_->failed_logins.take_event(wall));
}

net::Task<void> AdminDoor::handle(http::ServerConnection& caller) {
  Context& context = *context_;
  AdminCall call = begin(context, caller);
  call.head = &caller.head();
  if (call.head->minor == 0) caller.close_after_answer();  // as HTTP/1.0 expects unless told
  auto outcome = co_await serve(context, call);
  if (!outcome.has_value())
    co_await admin::write_failure(call, context.services.rate, std::move(outcome).error());
  record(context, call);
}

net::Task<void> AdminDoor::refuse(http::ServerConnection& caller, Error error) {
  Context& context = *context_;
  AdminCall call = begin(context, caller);
  if (error.code() == Code::kTooLarge)
    call.head = &caller.head();  // it was read; its body is what is refused
  co_await admin::write_failure(call, context.services.rate, std::move(error));
  record(context, call);
}

}  // namespace claviger::doors
