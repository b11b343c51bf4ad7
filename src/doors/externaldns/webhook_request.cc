// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/webhook_request.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/parse.h"
#include "doors/externaldns/visit.h"

namespace claviger::doors::externaldns {
namespace {

struct Route {
  std::string_view path;
  http::Method method;
  WebhookCall call;
};
constexpr Route kRoutes[] = {{"/", http::Method::kGet, WebhookCall::kNegotiate},
                             {"/records", http::Method::kGet, WebhookCall::kRecords},
                             {"/records", http::Method::kPost, WebhookCall::kApply},
                             {"/adjustendpoints", http::Method::kPost, WebhookCall::kAdjust}};

// Every one of these says that a browser sends it: ExternalDNS has none of them.
bool is_of_browser(const http::Fields& fields) {
  return std::ranges::any_of(fields, [](const http::Field& field) {
    return base::equals_ignore_case(field.name, "Origin") || base::equals_ignore_case(field.name, "Cookie") ||
           (field.name.size() > 9 && base::equals_ignore_case(field.name.substr(0, 10), "Sec-Fetch-"));
  });
}

Error refused(std::string what) {
  return Error::formatted(Code::kBadRequest, Blame::kCaller, std::move(what));
}

}  // namespace

Result<WebhookCall> find_call(const http::RequestHead& head) {
  const http::Method method = head.method == http::Method::kHead ? http::Method::kGet : head.method;
  bool has_path = false;
  for (const Route& route : kRoutes) {
    if (route.path != head.path) continue;
    if (route.method == method) return route.call;
    has_path = true;
  }
  if (has_path)
    return Error(Code::kMethodNotAllowed, Blame::kCaller, "ExternalDNS's webhook has no such method here");
  return Error(
      Code::kNoResource, Blame::kCaller,
      "ExternalDNS's webhook has no such path; probes and metrics are on the other listener (health)");
}

Result<void> check_types(const http::RequestHead& head) {
  const http::Field* const accept = head.fields.find("Accept");
  if (accept != nullptr && accept->value != kWebhookType && accept->value != "*/*")
    return refused("Accept names another media type, or version, than " + std::string(kWebhookType));
  if (head.method != http::Method::kPost) return ok();
  if (head.fields.find(http::FieldName::kContentEncoding) != nullptr)
    return refused("the body is coded (Content-Encoding); send it as it is");
  const http::Field* const type = head.fields.find(http::FieldName::kContentType);
  if (type != nullptr && type->value == kWebhookType) return ok();
  return refused("Content-Type has to be " + std::string(kWebhookType));
}

Result<void> check_is_no_browsers(const http::RequestHead& head, bool is_on_loopback) {
  if (is_of_browser(head.fields))
    return Error(Code::kDenied, Blame::kCaller, "a browser sends this: the door is for ExternalDNS alone");
  if (!is_on_loopback || names_this_machine(head.host)) return ok();
  return Error(
      Code::kDenied, Blame::kCaller,
      "Host has to be an address, or localhost: by another name, whoever that name belongs to could have a "
      "browser on this machine call");
}

}  // namespace claviger::doors::externaldns
