// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"
#include "doors/admin/answerers.h"
#include "doors/admin/answers.h"

namespace claviger::doors::admin {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

// RFC 9116 section 2.5.5: less than a year ahead. It is as good as the running gateway's configuration.
constexpr auto kSecurityTxtLife = std::chrono::days(180);

}  // namespace

Answered answer_health(Context&, AdminCall& call) { return write_answer(call, {.type = kText}, {"ok\n"}); }

Answered answer_readiness(Context& context, AdminCall& call) {
  const Readiness now = context.services.readiness();
  if (now.is_ready) co_return co_await write_answer(call, {.type = kText}, {"ready\n"});
  const std::string body = now.why_not.empty() ? "not ready\n" : "not ready: " + now.why_not + "\n";
  co_return co_await write_answer(call, {.status = 503, .type = kText}, {body});
}

Answered answer_metrics(Context& context, AdminCall& call) {
  const std::string body = context.services.metrics();
  co_return co_await write_answer(call, {.type = "text/plain; version=0.0.4; charset=utf-8"}, {body});
}

Answered answer_security_txt(Context& context, AdminCall& call) {
  const std::string& contact = context.services.security_contact;
  if (contact.empty())
    co_return Error(Code::kNoResource, Blame::kCaller,
                    "this gateway's configuration names no security contact");
  const auto midnight = std::chrono::floor<std::chrono::days>(call.wall);
  const std::string body = "Contact: " + contact +
                           "\nExpires: " + base::format_rfc3339(midnight + kSecurityTxtLife) +
                           "\nPreferred-Languages: en\n";
  co_return co_await write_answer(call, {.type = kText}, {body});
}

}  // namespace claviger::doors::admin
