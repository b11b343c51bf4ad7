// SPDX-License-Identifier: Apache-2.0
#include "server/transit_config.h"

#include <algorithm>
#include <string>

#include "base/ip.h"
#include "base/parse.h"
#include "http/path.h"
#include "net/endpoint.h"
#include "server/file_name.h"
#include "vault/source.h"

namespace claviger::server {
namespace {

using base::Document;
using base::ObjectReader;

constexpr std::size_t kLongestPath = 256;

Error wrong(const Document& node, std::string_view key, std::string_view what) {
  return base::invalid_at(node.place, std::string(key) + ": " + std::string(what));
}

// A path of Vault's: "transit", "team/transit".
bool is_path(std::string_view text) noexcept {
  const bool is_plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  });
  return is_plain && !text.empty() && text.size() <= kLongestPath && !text.starts_with('/') &&
         !text.ends_with('/') && !text.contains("//") && !text.contains("..");
}

Result<void> read_path(ObjectReader& reader, std::string_view key, std::string& out) {
  const Document* node = reader.find(key);
  if (node == nullptr) return ok();
  out = CLV_TRY(base::read_string(*node, key));
  return is_path(out)
             ? ok()
             : Result<void>(wrong(*node, key, "a path such as `transit` expected, without / at its ends"));
}

// Never repeated: it may be the secret itself.
Result<void> read_source(ObjectReader& reader, std::string_view key, std::string& out) {
  const Document* node = reader.find(key);
  if (node == nullptr) return ok();
  out = CLV_TRY(base::read_string(*node, key));
  if (vault::SecretSources::check(out).has_value()) return ok();
  // Without the colon, behind which a token would be suspected and blotted out.
  return base::invalid_at(node->place, "`" + std::string(key) + "` must be file:PATH or env:NAME");
}

Result<void> read_address(ObjectReader& reader, sources::StoreAddress& out) {
  const Document* node = CLV_TRY(reader.required("address"));
  out.url = CLV_TRY(base::read_string(*node, "address"));
  const auto base = http::parse_base_url(out.url);
  if (!base.has_value()) return wrong(*node, "address", base.error().what());
  out.base = *base;
  if (const Document* ca = reader.find("ca")) out.ca = CLV_TRY(read_file_name(*ca, "ca"));
  if (out.base.tls) return ok();
  const auto address = base::parse_ip(out.base.host);
  if (address.has_value() && net::is_loopback(*address)) return ok();
  return wrong(
      *node, "address",
      "the master key would cross the network in the clear; http is for an address of loopback alone, such "
      "as 127.0.0.1");
}

Result<void> read_app_role(const Document& node, sources::AppRole& out) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "app_role"));
  CLV_TRY_VOID(read_path(reader, "mount", out.mount));
  CLV_TRY_VOID(read_source(reader, "role_id", out.role_id));
  CLV_TRY_VOID(read_source(reader, "secret_id", out.secret_id));
  if (out.role_id.empty()) return wrong(node, "app_role", "role_id is missing");
  return reader.finish();
}

Result<void> read_patience(ObjectReader& reader, std::chrono::milliseconds& out) {
  const Document* node = reader.find("patience");
  if (node == nullptr) return ok();
  const auto time = base::parse_duration(CLV_TRY(base::read_string(*node, "patience")));
  if (!time.has_value() || *time > std::chrono::hours(24))
    return wrong(*node, "patience", "must be from 0s to 24h");
  out = *time;
  return ok();
}

}  // namespace

Result<sources::TransitOptions> read_transit(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "master_key.transit"));
  sources::TransitOptions transit;
  sources::VaultOptions& vault = transit.vault;
  CLV_TRY_VOID(read_address(reader, vault.address));
  CLV_TRY_VOID(read_path(reader, "namespace", vault.name_space));
  CLV_TRY_VOID(read_path(reader, "mount", transit.mount));
  CLV_TRY_VOID(read_source(reader, "token", vault.token));
  if (const Document* role = reader.find("app_role")) CLV_TRY_VOID(read_app_role(*role, vault.app_role));
  if (vault.token.empty() == vault.app_role.role_id.empty())
    return base::invalid_at(node.place, "master_key.transit: give either token or app_role");
  CLV_TRY_VOID(read_patience(reader, transit.patience));
  CLV_TRY_VOID(reader.finish());
  return transit;
}

}  // namespace claviger::server
