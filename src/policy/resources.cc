// SPDX-License-Identifier: Apache-2.0
#include "policy/resources.h"

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "identity/api_key.h"
#include "policy/certificate_name.h"
#include "policy/field_readers.h"
#include "policy/grant_names.h"
#include "policy/upstream_resource.h"

namespace claviger::policy {
namespace {

using base::Document;
using base::invalid_at;
using base::ObjectReader;

constexpr std::size_t kMaxRoles = 32;
constexpr std::size_t kMaxCertificates = 32;
constexpr std::size_t kMaxMethodSize = 32;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }

// Somebody is about to write a secret down: say where it belongs, before "unknown key" suggests another
// spelling. The value is not looked at.
Result<void> refuse_written_secret(const Document& map) {
  constexpr std::array<std::string_view, 8> kSlips = {"secret",   "value",   "token",  "key",
                                                      "password", "api_key", "apikey", "credential"};
  for (const auto& [key, node] : map.entries) {
    if (std::ranges::find(kSlips, key) == kSlips.end()) continue;
    return invalid_at(node.place,
                      "'" + key +
                          "': a secret never stands in a resource; with a store, set it with `claviger "
                          "credential set`, in side-car mode say from: env:NAME or from: file:PATH");
  }
  return ok();
}

constexpr std::chrono::seconds kLeastRotateAfter = std::chrono::hours(1);
constexpr std::chrono::seconds kMostRotateAfter = std::chrono::days(3650);

// `rotate_after: 90d`, or `never`.
Result<std::optional<std::chrono::seconds>> read_rotate_after(ObjectReader& reader) {
  using Setting = std::optional<std::chrono::seconds>;
  const Document* node = reader.find("rotate_after");
  if (node == nullptr) return Setting(kRotateAfter);
  const std::string text = CLV_TRY(base::read_string(*node, "rotate_after"));
  if (text == "never") return Setting();
  const auto duration = base::parse_duration(text);
  if (!duration.has_value() || *duration < kLeastRotateAfter || *duration > kMostRotateAfter)
    return invalid_at(node->place, "rotate_after: a duration such as 90d, 1h to 3650d, or never expected");
  return Setting(std::chrono::duration_cast<std::chrono::seconds>(*duration));
}

Result<CredentialResource> read_credential(const Document& document) {
  CLV_TRY_VOID(refuse_written_secret(document));
  ObjectReader reader = CLV_TRY(ObjectReader::of(document, "credential"));
  CredentialResource credential;
  credential.place = document.place;
  CLV_TRY_VOID(reader.required("kind"));
  credential.name = CLV_TRY(required_name(reader, "name"));
  credential.upstream = CLV_TRY(required_name(reader, "upstream"));
  if (const Document* auth = reader.find("auth"); auth != nullptr) {
    CLV_TRY_VOID(refuse_written_secret(*auth));
    credential.auth = *auth;
  }
  credential.from = CLV_TRY(reader.optional_string("from")).value_or("");
  credential.rotate_after = CLV_TRY(read_rotate_after(reader));
  credential.expires = CLV_TRY(optional_time(reader, "expires"));
  CLV_TRY_VOID(reader.finish());
  return credential;
}

Result<std::string> parse_role(std::string_view text) {
  if (base::is_resource_name(text)) return std::string(text);
  return Error(Code::kInvalid, Blame::kOperator, "a role is 1 to 64 of a-z, 0-9, '-', '_' and '.'");
}

Result<Management> read_management(ObjectReader& reader) {
  const std::string word = CLV_TRY(one_of(reader, "management", {"none", "read", "admin"}, "none"));
  if (word == "admin") return Management::kAdmin;
  return word == "read" ? Management::kRead : Management::kNone;
}

// An empty list says "none" to its reader, and would mean something else: refused.
Result<void> refuse_empty_list(ObjectReader& reader, std::string_view key,
                               std::string_view instead = "leave it out to allow all") {
  const Document* node = reader.find(key);
  if (node == nullptr || node->type != Document::Type::kList || !node->items.empty()) return ok();
  return invalid_at(node->place, std::string(key) + " is an empty list; " + std::string(instead));
}

Result<PrincipalResource> read_principal(const Document& document) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(document, "principal"));
  PrincipalResource principal;
  principal.place = document.place;
  CLV_TRY_VOID(reader.required("kind"));
  principal.name = CLV_TRY(required_name(reader, "name"));
  principal.type = CLV_TRY(one_of(reader, "type", {"service", "agent", "user"}, "service"));
  principal.roles = CLV_TRY(optional_list<std::string>(reader, "roles", &parse_role));
  principal.disabled = CLV_TRY(reader.boolean_or("disabled", false));
  principal.management = CLV_TRY(read_management(reader));
  CLV_TRY_VOID(refuse_empty_list(reader, "certificates", "leave it out to ask for none"));
  principal.certificates =
      CLV_TRY(optional_list<std::string>(reader, "certificates", &parse_certificate_name));
  CLV_TRY_VOID(reader.finish());
  if (principal.roles.size() > kMaxRoles)
    return invalid_at(principal.place, "a principal has at most 32 roles");
  if (principal.certificates.size() > kMaxCertificates)
    return invalid_at(principal.place, "a principal has at most 32 names in certificates");
  return principal;
}

bool is_key_id(std::string_view text) noexcept {
  return text.size() == 8 &&
         std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); });
}

Result<ApiKeyResource> read_api_key(const Document& document) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(document, "api_key"));
  ApiKeyResource key;
  key.place = document.place;
  CLV_TRY_VOID(reader.required("kind"));
  key.name = CLV_TRY(reader.required_string("name"));
  if (identity::contains_api_key(key.name)) {
    return invalid_at(key.place,
                      "name is the <id> within clv_<id>_... alone; this looks like the key itself, which "
                      "should now be replaced");
  }
  if (!is_key_id(key.name))
    return invalid_at(key.place, "name is the <id> within clv_<id>_...: 8 of 0-9 and a-z");
  key.principal = CLV_TRY(required_name(reader, "principal"));
  const Document* hash = CLV_TRY(reader.required("hash"));
  const std::string hash_text = CLV_TRY(base::read_string(*hash, "hash"));
  const auto digest = identity::parse_key_hash(hash_text);
  if (!digest.has_value()) return invalid_at(hash->place, digest.error().what());
  key.hash = *digest;
  CLV_TRY_VOID(refuse_empty_list(reader, "cidrs"));
  key.cidrs = CLV_TRY(optional_list<base::Cidr>(reader, "cidrs", &base::parse_cidr));
  key.expires = CLV_TRY(optional_time(reader, "expires"));
  CLV_TRY_VOID(reader.finish());
  return key;
}

Result<std::string> parse_method(std::string_view text) {
  if (text == "TRACE" || text == "CONNECT") {
    return Error(Code::kInvalid, Blame::kOperator, "no grant can give TRACE or CONNECT");
  }
  if (text == "*") return Error(Code::kInvalid, Blame::kOperator, "leave methods out to allow all");
  const bool is_method =
      !text.empty() && text.size() <= kMaxMethodSize && is_upper(text.front()) &&
      std::ranges::all_of(text, [](char c) { return is_upper(c) || is_digit(c) || c == '-'; });
  if (!is_method)
    return Error(Code::kInvalid, Blame::kOperator, "a method is in capitals, such as GET or POST");
  return std::string(text);
}

// A grant that got its name from made_up_name() may be written down with it, so that what management shows can be
// applied again. No other name holds a ':'.
bool is_made_up_name(const GrantResource& grant) {
  const std::string base = made_up_name(grant);
  if (!grant.name.starts_with(base)) return false;
  const std::string_view rest = std::string_view(grant.name).substr(base.size());
  if (rest.empty()) return true;
  const auto count = base::parse_decimal(rest.substr(1), UINT32_MAX);
  return rest.front() == ':' && count.has_value() && *count >= 2;
}

Result<void> check_grant_name(const GrantResource& grant, const Document* node) {
  if (node == nullptr || base::is_resource_name(grant.name) || is_made_up_name(grant)) return ok();
  return invalid_at(node->place,
                    "name is 1 to 64 of a-z, 0-9, '-', '_' and '.', and begins with a letter or digit");
}

// The value of an optional field, read by `parse`.
template <class T>
Result<std::optional<T>> optional_parsed(ObjectReader& reader, std::string_view key,
                                         Result<T> (*parse)(std::string_view)) {
  const Document* node = reader.find(key);
  if (node == nullptr) return std::optional<T>();
  const std::string text = CLV_TRY(base::read_string(*node, key));
  const Result<T> parsed = parse(text);
  if (!parsed.has_value()) return invalid_at(node->place, parsed.error().what());
  return std::optional<T>(*parsed);
}

Result<GrantResource> read_grant(const Document& document) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(document, "grant"));
  GrantResource grant;
  grant.place = document.place;
  CLV_TRY_VOID(reader.required("kind"));
  const Document* name = reader.find("name");
  if (name != nullptr) grant.name = CLV_TRY(base::read_string(*name, "name"));
  grant.principal = CLV_TRY(optional_name(reader, "principal"));
  grant.role = CLV_TRY(optional_name(reader, "role"));
  grant.upstream = CLV_TRY(required_name(reader, "upstream"));
  CLV_TRY_VOID(refuse_empty_list(reader, "methods"));
  grant.methods = CLV_TRY(optional_list<std::string>(reader, "methods", &parse_method));
  CLV_TRY_VOID(refuse_empty_list(reader, "paths"));
  grant.paths = CLV_TRY(optional_list<Glob>(reader, "paths", &Glob::parse));
  grant.rate = CLV_TRY(optional_parsed(reader, "rate", &parse_rate));
  grant.quota = CLV_TRY(optional_parsed(reader, "quota", &parse_quota));
  grant.expires = CLV_TRY(optional_time(reader, "expires"));
  CLV_TRY_VOID(reader.finish());
  if (grant.principal.empty() == grant.role.empty()) {
    return invalid_at(grant.place, "a grant names either a principal or a role");
  }
  CLV_TRY_VOID(check_grant_name(grant, name));
  return grant;
}

template <class R>
Result<Resource> as_resource(Result<R> read) {
  return Resource(CLV_TRY(std::move(read)));
}

}  // namespace

Result<Resource> read_resource(const Document& document) {
  if (document.type != Document::Type::kMap)
    return invalid_at(document.place, "a resource is a map that begins with its kind");
  const auto written = std::ranges::find(document.entries, "kind",
                                         [](const auto& entry) { return std::string_view(entry.first); });
  if (written == document.entries.end()) {
    return invalid_at(document.place,
                      "a resource has a kind: upstream, credential, principal, api_key or grant");
  }
  const std::string word = CLV_TRY(base::read_string(written->second, "kind"));
  const std::optional<Kind> kind = parse_kind(word);
  if (!kind.has_value() || kind_name(*kind) != word) {
    return invalid_at(
        written->second.place,
        "no kind is named '" + word + "'; there are: upstream, credential, principal, api_key, grant");
  }
  switch (*kind) {
    case Kind::kUpstream:
      return as_resource(read_upstream(document));
    case Kind::kCredential:
      return as_resource(read_credential(document));
    case Kind::kPrincipal:
      return as_resource(read_principal(document));
    case Kind::kApiKey:
      return as_resource(read_api_key(document));
    case Kind::kGrant:
      break;
  }
  return as_resource(read_grant(document));
}

Result<void> add_resource(const Document& document, Resources& out) {
  Resource resource = CLV_TRY(read_resource(document));
  switch (kind_of(resource)) {
    case Kind::kUpstream:
      out.upstreams.push_back(std::get<UpstreamResource>(std::move(resource)));
      break;
    case Kind::kCredential:
      out.credentials.push_back(std::get<CredentialResource>(std::move(resource)));
      break;
    case Kind::kPrincipal:
      out.principals.push_back(std::get<PrincipalResource>(std::move(resource)));
      break;
    case Kind::kApiKey:
      out.api_keys.push_back(std::get<ApiKeyResource>(std::move(resource)));
      break;
    case Kind::kGrant:
      out.grants.push_back(std::get<GrantResource>(std::move(resource)));
      break;
  }
  return ok();
}

}  // namespace claviger::policy
