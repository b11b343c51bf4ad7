// SPDX-License-Identifier: Apache-2.0
#include "cli/resource_table.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/parse.h"
#include "cli/document_fields.h"
#include "cli/printable.h"
#include "cli/yaml_text.h"

namespace claviger::cli {
namespace {

using base::Document;
using policy::Kind;
using Cells = std::vector<std::string>;

std::string text(const Document& resource, std::string_view name) {
  return std::string(text_member(resource, name));
}

std::string status(const Document& resource, std::string_view name) {
  const Document* found = member(resource, "status");
  return found == nullptr ? std::string() : text(*found, name);
}

// "GET,POST", "GET,POST,+3".
std::string list(const Document& resource, std::string_view name, std::string_view when_absent) {
  constexpr std::size_t kShown = 3;
  const Document* found = member(resource, name);
  if (found == nullptr || found->items.empty()) return std::string(when_absent);
  std::string out;
  for (std::size_t i = 0; i < std::min(found->items.size(), kShown); ++i)
    out += (out.empty() ? "" : ",") + found->items[i].scalar;
  if (found->items.size() > kShown) out += ",+" + std::to_string(found->items.size() - kShown);
  return out;
}

std::string age(const Document& resource, WallTime now) {
  return format_age(text_member(resource, "updated_at"), now);
}

std::string expiry(const Document& resource, WallTime now) {
  const std::string_view when = text_member(resource, "expires");
  return when.empty() ? "never" : format_distance(when, now);
}

// The first of several, and how many more there are.
std::string base_url(const Document& resource) {
  const Document* several = member(resource, "base_urls");
  if (several == nullptr || several->items.empty()) return text(resource, "base_url");
  const std::size_t more = several->items.size() - 1;
  const std::string& first = several->items.front().scalar;
  return more == 0 ? first : first + ",+" + std::to_string(more);
}

Cells upstream_cells(const Document& resource, WallTime now) {
  const Document* auth = member(resource, "auth");
  return {text(resource, "name"), text(resource, "mount"), base_url(resource),
          auth == nullptr ? std::string() : text(*auth, "kind"), age(resource, now)};
}

// "due", or when it will be: "in 41d".
std::string rotation(const Document& resource, WallTime now) {
  const std::string word = status(resource, "rotation");
  return word == "none" || word == "soon" ? format_distance(status(resource, "rotate_by"), now) : word;
}

Cells credential_cells(const Document& resource, WallTime now) {
  return {text(resource, "name"),
          text(resource, "upstream"),
          status(resource, "state"),
          status(resource, "version"),
          format_age(status(resource, "set_at"), now),
          rotation(resource, now),
          format_age(status(resource, "last_used"), now)};
}

Cells principal_cells(const Document& resource, WallTime now) {
  const bool is_disabled = status(resource, "disabled") == "true" || text(resource, "disabled") == "true";
  const std::string management = text(resource, "management");
  return {text(resource, "name"),
          text(resource, "type"),
          list(resource, "roles", ""),
          management == "none" ? std::string() : management,
          is_disabled ? "disabled" : "enabled",
          age(resource, now)};
}

Cells api_key_cells(const Document& resource, WallTime now) {
  const auto expires = base::parse_rfc3339(text_member(resource, "expires"));
  const bool is_expired = expires.has_value() && *expires <= now;
  const std::string state = status(resource, "revoked") == "true" ? "revoked"
                            : is_expired                          ? "expired"
                                                                  : "active";
  return {text(resource, "name"), text(resource, "principal"),         state,
          expiry(resource, now),  list(resource, "cidrs", "anywhere"), age(resource, now)};
}

Cells grant_cells(const Document& resource, WallTime now) {
  const std::string role = text(resource, "role");
  std::string limits = text(resource, "rate");
  if (const std::string quota = text(resource, "quota"); !quota.empty())
    limits += (limits.empty() ? "" : ",") + quota;
  return {text(resource, "name"),         role.empty() ? text(resource, "principal") : "role:" + role,
          text(resource, "upstream"),     list(resource, "methods", "all"),
          list(resource, "paths", "all"), limits,
          expiry(resource, now)};
}

}  // namespace

Table make_resource_table(Kind kind) {
  switch (kind) {
    case Kind::kUpstream:
      return Table({"NAME", "MOUNT", "BASE URL", "AUTH", "CHANGED"});
    case Kind::kCredential:
      return Table({"NAME", "UPSTREAM", "STATE", "VERSION", "SET", "ROTATION", "LAST USED"});
    case Kind::kPrincipal:
      return Table({"NAME", "TYPE", "ROLES", "MANAGEMENT", "STATE", "CHANGED"});
    case Kind::kApiKey:
      return Table({"ID", "PRINCIPAL", "STATE", "EXPIRES", "FROM", "CHANGED"});
    case Kind::kGrant:
      break;
  }
  return Table({"NAME", "WHO", "UPSTREAM", "METHODS", "PATHS", "LIMITS", "EXPIRES"});
}

void add_resource_row(Table& table, Kind kind, const Document& resource, WallTime now) {
  switch (kind) {
    case Kind::kUpstream:
      return table.add(upstream_cells(resource, now));
    case Kind::kCredential:
      return table.add(credential_cells(resource, now));
    case Kind::kPrincipal:
      return table.add(principal_cells(resource, now));
    case Kind::kApiKey:
      return table.add(api_key_cells(resource, now));
    case Kind::kGrant:
      return table.add(grant_cells(resource, now));
  }
}

std::vector<std::string> warnings_of(const Document& resource) {
  std::vector<std::string> all;
  const Document* found = member(resource, "status");
  if (found != nullptr) found = member(*found, "warnings");
  if (found == nullptr) return all;
  for (const Document& warning : found->items)
    all.push_back(printable(text(resource, "kind")) + "/" + printable(text(resource, "name")) + " " +
                  printable(warning.scalar));
  return all;
}

bool is_added_by_gateway(std::string_view member_name) noexcept {
  constexpr std::array<std::string_view, 3> kAdded = {"status", "revision", "updated_at"};
  return std::ranges::find(kAdded, member_name) != kAdded.end();
}

std::string resource_yaml(const Document& resource) {
  std::string remark, out;
  Document own;
  own.type = Document::Type::kMap;
  for (const auto& entry : resource.entries) {
    if (!is_added_by_gateway(entry.first)) {
      own.entries.push_back(entry);
      continue;
    }
    remark += (remark.empty() ? "# " : ", ") + entry.first + " ";
    if (entry.second.type == Document::Type::kScalar) remark += entry.second.scalar;
    else base::append_json(remark, entry.second);
  }
  if (!remark.empty()) out = printable(remark) + "\n";
  append_yaml(out, own);
  return out;
}

}  // namespace claviger::cli
