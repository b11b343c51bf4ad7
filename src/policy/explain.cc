// SPDX-License-Identifier: Apache-2.0
#include "policy/explain.h"

#include <algorithm>
#include <vector>

#include "base/parse.h"
#include "http/parser.h"
#include "http/path.h"
#include "identity/api_key.h"
#include "policy/grant_rules.h"
#include "policy/nearest.h"

namespace claviger::policy {
namespace {

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

bool is_visible(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

// The head that a caller would send for it, so that it is read by what reads callers'.
Result<std::string> head_of(std::string_view method, std::string_view target) {
  if (!is_visible(method) || !is_visible(target)) {
    return Error(Code::kBadRequest, Blame::kCaller,
                 "the method or the target holds bytes that are not visible ASCII");
  }
  std::string head = std::string(method) + " " + std::string(target);
  if (target.starts_with('/')) return head + " HTTP/1.0\r\n\r\n";
  const std::size_t scheme = target.find("://");
  std::string_view host = scheme == std::string_view::npos ? "" : target.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?"));
  return head + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n";
}

Result<http::PathTraits> read_head(std::string_view text, http::RequestHead& head) {
  CLV_TRY_VOID(http::parse_request_head(text, http::HeadLimits(), head));
  if (identity::contains_api_key(head.target))
    return Error(Code::kBadRequest, Blame::kCaller, "an API key stands in the URL");
  return http::check_canonical_path(head.path);
}

std::string unknown_principal(const Snapshot& snapshot, std::string_view name) {
  // A slip in a name is looked for; anything else is not repeated.
  if (!base::is_resource_name(name)) return "no principal has such a name";
  std::string text = "no principal is named " + quoted(name);
  if (const std::string_view near = nearest(name, snapshot.principal_names()); !near.empty())
    text += "; did you mean " + quoted(near) + "?";
  return text;
}

// What a call asks of a grant.
struct Wish {
  http::Method method;
  std::string_view method_text;
  std::string_view path;
  WallTime now;
};

std::vector<std::string> obstacles(const Grant& grant, const Wish& wish) {
  std::vector<std::string> found;
  if (!gives_method(grant, wish.method, wish.method_text))
    found.push_back("does not give " + std::string(wish.method_text));
  if (!gives_path(grant, wish.path)) found.emplace_back("has no path that matches");
  if (has_expired(grant, wish.now)) found.push_back("expired at " + base::format_rfc3339(*grant.expires));
  return found;
}

// Of the grants that there are, the one that lacks least.
std::string nearest_grant(const std::vector<const Grant*>& grants, const Wish& wish) {
  const Grant* best = nullptr;
  std::vector<std::string> in_the_way;
  for (const Grant* grant : grants) {
    std::vector<std::string> found = obstacles(*grant, wish);
    if (best != nullptr && found.size() >= in_the_way.size()) continue;
    best = grant;
    in_the_way = std::move(found);
  }
  std::string text = "no grant lets this through: " + quoted(best->name) + " comes nearest, but it ";
  for (std::size_t i = 0; i < in_the_way.size(); ++i) text.append(i > 0 ? " and " : "").append(in_the_way[i]);
  return text;
}

// In the order of the pipeline's stages.
std::string refusal_before_grants(const Snapshot& snapshot, std::string_view principal,
                                  std::optional<PrincipalIndex> who, const Upstream* upstream,
                                  const http::PathTraits& path) {
  if (!who.has_value()) return unknown_principal(snapshot, principal);
  if (snapshot.principal(*who).disabled) return "principal " + quoted(principal) + " is disabled";
  if (upstream == nullptr) return "no upstream is mounted at this path";
  if (path.has_encoded_slash && upstream->resource.encoded_slash == EncodedSlash::kRefuse) {
    return "upstream " + quoted(upstream->resource.name) +
           " takes no %2F in a path (encoded_slash: opaque would let it pass)";
  }
  return "";
}

}  // namespace

Explanation explain(const Snapshot& snapshot, std::string_view principal, std::string_view method,
                    std::string_view target, WallTime now) {
  Explanation explanation;
  const auto refused = [&](std::string reason) {
    explanation.reason = std::move(reason);
    return explanation;
  };
  const Result<std::string> text = head_of(method, target);
  if (!text.has_value()) return refused(std::string(text.error().what()));
  http::RequestHead head;
  const Result<http::PathTraits> path = read_head(*text, head);
  if (!path.has_value()) return refused("the request is refused: " + std::string(path.error().what()));

  const auto route = snapshot.route(head.path);
  const Upstream* upstream = route.has_value() ? snapshot.upstreams()[route->upstream].get() : nullptr;
  if (upstream != nullptr) explanation.upstream = upstream->resource.name;
  const auto who = snapshot.find_principal(principal);
  std::string before = refusal_before_grants(snapshot, principal, who, upstream, *path);
  if (!before.empty()) return refused(std::move(before));
  if (is_never_granted(head.method, head.method_text))
    return refused("no grant can give " + std::string(head.method_text));

  const Wish wish{.method = head.method,
                  .method_text = head.method_text,
                  .path = route->rest.empty() ? std::string_view("/") : route->rest,
                  .now = now};
  const Grant* grant =
      snapshot.authorize(*who, route->upstream, wish.method, wish.method_text, wish.path, now);
  if (grant == nullptr) {
    if (const std::string* denied = snapshot.denied_path(route->upstream, wish.path); denied != nullptr)
      return refused("upstream " + quoted(explanation.upstream) +
                     " refuses this path to everybody: " + quoted(*denied) + " is one of its deny_paths");
    const std::vector<const Grant*> grants = snapshot.grants_of(*who, route->upstream);
    if (!grants.empty()) return refused(nearest_grant(grants, wish));
    return refused("no grant gives principal " + quoted(principal) + ", or a role that it has, upstream " +
                   quoted(explanation.upstream));
  }
  explanation.allowed = true;
  explanation.grant = grant->name;
  explanation.reason = "grant " + quoted(grant->name) + " lets " + std::string(wish.method_text) + " through";
  return explanation;
}

}  // namespace claviger::policy
