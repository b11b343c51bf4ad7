// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/routes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/parse.h"
#include "doors/admin/answerers.h"

namespace claviger::doors::admin {
namespace {

using http::Method;
using policy::Kind;
using registry::Verb;
using enum Access;

constexpr std::string_view kKinds = "{kinds}";
constexpr std::string_view kName = "{name}";

constexpr std::array kRoutes = {
    Route{Method::kGet, "/healthz", kProbe, answer_health},
    Route{Method::kGet, "/readyz", kProbe, answer_readiness},
    Route{Method::kGet, "/metrics", kProbe, answer_metrics},
    Route{Method::kGet, "/.well-known/security.txt", kOpen, answer_security_txt},

    Route{Method::kGet, "/api/v1/{kinds}", kRead, list_resources},
    Route{Method::kPost, "/api/v1/{kinds}", kAdmin, create_resource, BodyForm::kJson},
    Route{Method::kGet, "/api/v1/{kinds}/{name}", kRead, show_resource},
    Route{Method::kPut, "/api/v1/{kinds}/{name}", kAdmin, put_resource, BodyForm::kJson},
    Route{Method::kDelete, "/api/v1/{kinds}/{name}", kAdmin, act_on_resource, BodyForm::kNone, Verb::kDelete},
    Route{Method::kPost, "/api/v1/principals/{name}/enable", kAdmin, act_on_resource, BodyForm::kNone,
          Verb::kEnable},
    Route{Method::kPost, "/api/v1/principals/{name}/disable", kAdmin, act_on_resource, BodyForm::kNone,
          Verb::kDisable},
    Route{Method::kPost, "/api/v1/api_keys/{name}/revoke", kAdmin, act_on_resource, BodyForm::kNone,
          Verb::kRevoke},
    Route{Method::kPost, "/api/v1/credentials/{name}/enable", kAdmin, act_on_resource, BodyForm::kNone,
          Verb::kEnable},
    Route{Method::kPost, "/api/v1/credentials/{name}/disable", kAdmin, act_on_resource, BodyForm::kNone,
          Verb::kDisable},
    Route{Method::kPost, "/api/v1/credentials/{name}/revoke", kAdmin, act_on_resource, BodyForm::kNone,
          Verb::kRevoke},
    Route{Method::kPut, "/api/v1/credentials/{name}/secret", kAdmin, put_secret, BodyForm::kBytes,
          Verb::kSetSecret},

    Route{Method::kPost, "/api/v1/apply", kAdmin, apply_resources, BodyForm::kJson},
    Route{Method::kPost, "/api/v1/rotation", kAdmin, require_rotation, BodyForm::kJson},
    Route{Method::kGet, "/api/v1/explain", kRead, explain_decision},
    Route{Method::kGet, "/api/v1/audit/events", kRead, show_events},
    Route{Method::kGet, "/api/v1/audit/search", kRead, search_events},
    Route{Method::kGet, "/api/v1/audit/checkpoint", kRead, show_checkpoint},
    Route{Method::kPost, "/api/v1/audit/key/rotate", kAdmin, rotate_audit_key},
    Route{Method::kGet, "/api/v1/audit/pseudonym", kAdmin, show_pseudonym},
    Route{Method::kPost, "/api/v1/vault/rekey", kAdmin, rekey_vault, BodyForm::kJson},
    Route{Method::kGet, "/api/v1/vault/rekey", kRead, show_rekey},
    Route{Method::kGet, "/api/v1/status", kRead, show_status},
};

// The singular is for documents.
std::optional<Kind> kind_of_plural(std::string_view word) noexcept {
  const auto kind = policy::parse_kind(word);
  return kind && policy::plural_name(*kind) == word ? kind : std::nullopt;
}

// The segment before the next '/', taken off `path` together with the '/' before it.
std::string_view take_segment(std::string_view& path) noexcept {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// Fills kind and name from the places that the pattern has for them.
bool matches(std::string_view pattern, std::string_view path, Found& found) {
  found.kind.reset();
  found.name.clear();
  while (pattern.starts_with('/') && path.starts_with('/')) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view segment = take_segment(path);
    if (wanted != kKinds && wanted != kName && wanted != segment) return false;
    if (wanted == kName) found.name = segment;
    else if (!found.kind) found.kind = kind_of_plural(segment);
    if (wanted == kKinds && !found.kind) return false;
  }
  return pattern.empty() && path.empty();
}

// Names need no percent-encoding. ':', which stands in grants' names, may have it all the same, since some
// clients cannot help it; there is no second reading.
std::string with_colons(std::string_view name) {
  std::string decoded;
  while (!name.empty()) {
    const bool is_colon = name.starts_with("%3A");
    decoded += is_colon ? ':' : name.front();
    name.remove_prefix(is_colon ? 3 : 1);
  }
  return decoded;
}

// "ci:openai:2": of grants whose name was made up.
bool is_grant_name(std::string_view name) noexcept {
  constexpr int kMostParts = 4;  // role:<role>:<upstream>:2
  for (int parts = 0; parts < kMostParts; ++parts) {
    const std::size_t colon = name.find(':');
    if (!base::is_resource_name(name.substr(0, colon))) return false;
    if (colon == std::string_view::npos) return true;
    name.remove_prefix(colon + 1);
  }
  return false;
}

void add_method(std::string& allow, Method method) {
  if (!allow.empty()) allow += ", ";
  allow += method == Method::kGet    ? "GET, HEAD"
           : method == Method::kPost ? "POST"
           : method == Method::kPut  ? "PUT"
                                     : "DELETE";
}

}  // namespace

Found find_route(Method method, std::string_view path) {
  const Method wanted = method == Method::kHead ? Method::kGet : method;
  Found found;
  Found tried;
  for (const Route& route : kRoutes) {
    if (!matches(route.pattern, path, tried)) continue;
    add_method(found.allow, route.method);
    if (route.method != wanted) continue;
    found.route = &route;
    found.kind = tried.kind;
    found.name = tried.name;
  }
  if (found.kind && !found.name.empty()) {
    found.name = with_colons(found.name);
    found.name_is_valid =
        *found.kind == Kind::kGrant ? is_grant_name(found.name) : base::is_resource_name(found.name);
  } else if (found.route != nullptr) {
    found.name_is_valid = !found.route->pattern.contains(kName);
  }
  return found;
}

}  // namespace claviger::doors::admin
