// SPDX-License-Identifier: Apache-2.0
// Who refers to whom, by names that must be there.
#include <algorithm>

#include "policy/draft_work.h"
#include "policy/nearest.h"

namespace claviger::policy {
namespace {

// "grants", as in "still has grants".
std::string_view plural_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::kCredential:
      return "credentials";
    case Kind::kApiKey:
      return "API keys";
    default:
      return "grants";
  }
}

}  // namespace

Result<std::uint32_t> DraftWork::find_upstream(std::string_view name, std::string_view from,
                                               const base::Place& place) const {
  const NamedAt* found = find_named(tables_.upstream_names, name);
  if (found == nullptr) return missing("upstream", tables_.upstream_names, name, from, place);
  return found->at;
}

Result<std::uint32_t> DraftWork::find_principal(std::string_view name, std::string_view from,
                                                const base::Place& place) const {
  const NamedAt* found = find_named(tables_.principal_names, name);
  if (found == nullptr) return missing("principal", tables_.principal_names, name, from, place);
  return found->at;
}

Error DraftWork::missing(std::string_view what, const HashShards<NamedAt>& names, std::string_view name,
                         std::string_view from, const base::Place& place) const {
  std::string text = std::string(from) + ": no " + std::string(what) + " is named " + quoted(name);
  if (complaints_ != nullptr) return refusal(place, text);  // of many, none is worth a search for slips
  std::vector<std::string_view> known;
  known.reserve(names.size());
  names.for_each([&](const NamedAt& row) { known.push_back(row.name); });
  std::ranges::sort(known);  // for the same message every time
  if (const std::string_view near = nearest(name, known); !near.empty())
    text += "; did you mean " + quoted(near) + "?";
  return refusal(place, text);
}

Result<void> DraftWork::check_going() {
  CLV_TRY_VOID(check_going_principals());
  return check_going_upstreams();
}

// Removals that nothing depends on, which is all that succeed, cost a look at counters; to name what is in the
// way of the others takes a search.
Result<void> DraftWork::check_going_principals() {
  for (const Going& going : going_principals_) {
    const PrincipalRow& row = tables_.principal(going.at);
    Result<void> found = ok();
    if (row.keys > 0) {
      tables_.keys.for_each([&](const ApiKey& key) {
        if (found.has_value() && !key.revoked && key.principal == going.at)
          found = still_needed(Kind::kPrincipal, going, Kind::kApiKey, key.id);
      });
    }
    CLV_TRY_VOID(found);
    if (row.grants == 0) continue;
    tables_.grants.for_each([&](const SharedGrant& grant) {
      if (found.has_value() && grant->subject == going.at)
        found = still_needed(Kind::kPrincipal, going, Kind::kGrant, grant->grant.name);
    });
    CLV_TRY_VOID(found);
  }
  return ok();
}

Result<void> DraftWork::check_going_upstreams() {
  const Upstreams& upstreams = upstreams_ != nullptr ? *upstreams_ : *tables_.upstreams;
  for (const Going& going : going_upstreams_) {
    for (const CredentialResource& credential : upstreams[going.at]->credentials)
      CLV_TRY_VOID(still_needed(Kind::kUpstream, going, Kind::kCredential, credential.name));
    if (tables_.upstream_grants[going.at] == 0) continue;
    Result<void> found = ok();
    tables_.grants.for_each([&](const SharedGrant& grant) {
      if (found.has_value() && grant->upstream == going.at)
        found = still_needed(Kind::kUpstream, going, Kind::kGrant, grant->grant.name);
    });
    CLV_TRY_VOID(found);
  }
  return ok();
}

// Whoever asked for the removal hears what is in its way; in a store that was tampered with, what is left is what is
// wrong.
Result<void> DraftWork::still_needed(Kind kind, const Going& going, Kind by, std::string_view by_name) {
  const std::string what(kind_name(kind));
  if (complaints_ == nullptr) {
    return Error::formatted(Code::kConflict, Blame::kCaller,
                            what + " " + quoted(going.name) + " still has " + std::string(plural_of(by)) +
                                ", such as " + quoted(by_name));
  }
  return complain(
      by, by_name,
      refusal({}, std::string(kind_name(by)) + ": no " + what + " is named " + quoted(going.name)));
}

}  // namespace claviger::policy
