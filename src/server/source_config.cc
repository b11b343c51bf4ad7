// SPDX-License-Identifier: Apache-2.0
#include "server/source_config.h"

#include <algorithm>
#include <string>

#include "base/ip.h"
#include "base/parse.h"
#include "net/endpoint.h"
#include "server/file_name.h"
#include "vault/reference.h"
#include "vault/source.h"

namespace claviger::server {
namespace {

using base::Document;
using base::ObjectReader;
using sources::AllowList;
using std::chrono::milliseconds;
using vault::SourceKind;

constexpr std::size_t kMostRules = 1000;

Error wrong(const Document& node, std::string_view key, std::string_view what) {
  return base::invalid_at(node.place, std::string(key) + ": " + std::string(what));
}

Result<void> read_time(ObjectReader& reader, std::string_view key, milliseconds least, milliseconds most,
                       const char* says, milliseconds& out) {
  const Document* node = reader.find(key);
  if (node == nullptr) return ok();
  const auto time = base::parse_duration(CLV_TRY(base::read_string(*node, key)));
  if (!time.has_value() || *time < least || *time > most)
    return wrong(*node, key, std::string("must be ") + says);
  out = *time;
  return ok();
}

Result<void> read_keep(ObjectReader& reader, milliseconds& out) {
  return read_time(reader, "keep", milliseconds(0), std::chrono::days(30), "from 0s to 30d", out);
}

Result<void> read_pace(ObjectReader& reader, sources::Pace& out) {
  CLV_TRY_VOID(read_time(reader, "refresh", std::chrono::seconds(1), std::chrono::hours(24), "from 1s to 24h",
                         out.refresh));
  return read_keep(reader, out.keep);
}

// --- What is allowed -----------------------------------------------------------------------------

Result<AllowList::Rule> read_rule(const Document& node, SourceKind kind) {
  AllowList::Rule rule{.kind = kind, .what = {}, .to = {}};
  if (node.type == Document::Type::kScalar) {
    rule.what = CLV_TRY(base::read_string(node, "allow"));
  } else {
    ObjectReader reader = CLV_TRY(ObjectReader::of(node, "sources.allow"));
    rule.what = CLV_TRY(reader.required_string("name"));
    rule.to = CLV_TRY(reader.strings_or_empty("to"));
    const Document* to = reader.find("to");
    if (to != nullptr && rule.to.empty())
      return wrong(*to, "to", "is empty; leave it out to allow any upstream");
    CLV_TRY_VOID(reader.finish());
  }
  const std::string_view what = rule.what;
  const bool is_all = what.empty() || what == "*" || what == "/" || what == "/*";
  if (is_all || what.substr(0, what.size() - 1).contains('*'))
    return wrong(node, "allow",
                 "must name something; '*' or '/' may stand at its end, for all that begins like it");
  if (kind == SourceKind::kFile && !what.starts_with('/'))
    return wrong(node, "allow", "must be an absolute path");
  return rule;
}

Result<void> read_allowed(ObjectReader& reader, SourceKind kind, AllowList& out) {
  const Document* node = reader.find("allow");
  if (node == nullptr) return ok();
  if (node->type != Document::Type::kList) return wrong(*node, "allow", "must be a list");
  if (node->items.size() > kMostRules) return wrong(*node, "allow", "may be 1000 at the most");
  for (const Document& item : node->items) out.add(CLV_TRY(read_rule(item, kind)));
  return ok();
}

// --- Stores on the network -----------------------------------------------------------------------

Result<sources::StoreAddress> read_address(ObjectReader& reader, std::string_view key,
                                           const std::string& text, const Document& at) {
  auto url = http::parse_base_url(text);
  if (!url.has_value()) return wrong(at, key, url.error().what());
  sources::StoreAddress address{.url = text, .base = *std::move(url), .ca = {}};
  if (const Document* ca = reader.find("ca")) address.ca = CLV_TRY(read_file_name(*ca, "ca"));
  if (address.base.tls) return address;
  if (!address.ca.empty()) return wrong(at, key, "ca is of no use without https");
  const auto ip = base::parse_ip(address.base.host);
  if (ip.has_value() && net::is_loopback(*ip)) return address;
  return wrong(at, key,
               "must be https: secrets would cross the network in the clear. http is for an address of "
               "loopback alone, such as 127.0.0.1");
}

Result<std::string> read_secret_source(const Document& node, std::string_view key) {
  std::string from = CLV_TRY(base::read_string(node, key));
  if (!vault::SecretSources::check(from).has_value())
    return wrong(node, key, "must be file:PATH or env:NAME");
  return from;
}
Result<std::string> required_secret(ObjectReader& reader, std::string_view key) {
  const Document* node = CLV_TRY(reader.required(key));
  return read_secret_source(*node, key);
}
Result<std::string> optional_secret(ObjectReader& reader, std::string_view key) {
  const Document* node = reader.find(key);
  return node != nullptr ? read_secret_source(*node, key) : Result<std::string>(std::string());
}

bool is_path(std::string_view text) noexcept {
  const bool is_plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./").contains(c);
  });
  return !text.empty() && text.size() <= 256 && is_plain && !text.starts_with('/') && !text.ends_with('/') &&
         !text.contains("//") && !text.contains("..");
}

Result<void> read_app_role(const Document& node, sources::AppRole& out) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "sources.vault.auth.approle"));
  if (const Document* mount = reader.find("mount")) {
    out.mount = CLV_TRY(base::read_string(*mount, "mount"));
    if (!is_path(out.mount)) return wrong(*mount, "mount", "must be a path such as approle");
  }
  out.role_id = CLV_TRY(required_secret(reader, "role_id"));
  out.secret_id = CLV_TRY(optional_secret(reader, "secret_id"));
  return reader.finish();
}

Result<void> read_auth(const Document& node, sources::VaultOptions& out) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "sources.vault.auth"));
  out.token = CLV_TRY(optional_secret(reader, "token"));
  const Document* role = reader.find("approle");
  if ((role == nullptr) == out.token.empty())
    return base::invalid_at(node.place,
                            "sources.vault.auth: must be { token: file:PATH }, or "
                            "{ approle: { role_id: file:PATH, secret_id: file:PATH } }");
  if (role != nullptr) CLV_TRY_VOID(read_app_role(*role, out.app_role));
  return reader.finish();
}

Result<unsigned> read_kv(const Document& node) {
  const std::string text = CLV_TRY(base::read_string(node, "kv"));
  if (text == "auto") return 0U;
  if (text == "1") return 1U;
  if (text == "2") return 2U;
  return wrong(node, "kv", "must be auto, 1 or 2");
}

Result<sources::VaultOptions> read_vault(const Document& node, AllowList& allowed) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "sources.vault"));
  sources::VaultOptions vault;
  const Document* address = CLV_TRY(reader.required("address"));
  const std::string url = CLV_TRY(base::read_string(*address, "address"));
  vault.address = CLV_TRY(read_address(reader, "address", url, *address));
  const Document* auth = CLV_TRY(reader.required("auth"));
  CLV_TRY_VOID(read_auth(*auth, vault));
  if (const Document* space = reader.find("namespace")) {
    vault.name_space = CLV_TRY(base::read_string(*space, "namespace"));
    if (!is_path(vault.name_space)) return wrong(*space, "namespace", "must be a path such as team/a");
  }
  if (const Document* kv = reader.find("kv")) vault.kv = CLV_TRY(read_kv(*kv));
  CLV_TRY_VOID(read_pace(reader, vault.pace));
  CLV_TRY_VOID(read_allowed(reader, SourceKind::kVault, allowed));
  CLV_TRY_VOID(reader.finish());
  return vault;
}

bool is_region(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Result<sources::AwsOptions> read_aws(const Document& node, AllowList& allowed) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "sources.aws-sm"));
  sources::AwsOptions aws;
  const Document* region = CLV_TRY(reader.required("region"));
  aws.region = CLV_TRY(base::read_string(*region, "region"));
  if (!is_region(aws.region)) return wrong(*region, "region", "must be one such as eu-central-1");
  const Document* endpoint = reader.find("endpoint");
  const std::string url = endpoint != nullptr ? CLV_TRY(base::read_string(*endpoint, "endpoint"))
                                              : "https://secretsmanager." + aws.region + ".amazonaws.com";
  aws.address = CLV_TRY(read_address(reader, "endpoint", url, endpoint != nullptr ? *endpoint : *region));
  if (!aws.address.base.path.empty()) return wrong(*endpoint, "endpoint", "has no path");
  aws.access_key_id = CLV_TRY(required_secret(reader, "access_key_id"));
  aws.secret_access_key = CLV_TRY(required_secret(reader, "secret_access_key"));
  aws.session_token = CLV_TRY(optional_secret(reader, "session_token"));
  CLV_TRY_VOID(read_pace(reader, aws.pace));
  CLV_TRY_VOID(read_allowed(reader, SourceKind::kAwsSecret, allowed));
  CLV_TRY_VOID(reader.finish());
  return aws;
}

// --- What lies on this machine -------------------------------------------------------------------

Result<void> read_file(const Document& node, sources::Options& out) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "sources.file"));
  CLV_TRY_VOID(read_time(reader, "poll", std::chrono::seconds(1), std::chrono::hours(1), "from 1s to 1h",
                         out.file.poll));
  CLV_TRY_VOID(read_keep(reader, out.file.keep));
  out.file.group_read = CLV_TRY(reader.boolean_or("group_read", false));
  CLV_TRY_VOID(read_allowed(reader, SourceKind::kFile, out.allowed));
  return reader.finish();
}

Result<void> read_environment(const Document& node, sources::Options& out) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "sources.env"));
  CLV_TRY_VOID(read_allowed(reader, SourceKind::kEnvironment, out.allowed));
  return reader.finish();
}

}  // namespace

Result<sources::Options> read_sources(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "sources"));
  sources::Options out;
  CLV_TRY_VOID(
      read_time(reader, "wait", milliseconds(0), std::chrono::minutes(5), "from 0s to 5m", out.wait));
  if (const Document* env = reader.find("env")) CLV_TRY_VOID(read_environment(*env, out));
  if (const Document* file = reader.find("file")) CLV_TRY_VOID(read_file(*file, out));
  if (const Document* vault = reader.find("vault")) out.vault = CLV_TRY(read_vault(*vault, out.allowed));
  if (const Document* aws = reader.find("aws-sm")) out.aws = CLV_TRY(read_aws(*aws, out.allowed));
  CLV_TRY_VOID(reader.finish());
  return out;
}

}  // namespace claviger::server
