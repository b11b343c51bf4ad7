// SPDX-License-Identifier: Apache-2.0
#include "policy/upstream_resource.h"

#include <algorithm>

#include "policy/field_readers.h"

namespace claviger::policy {
namespace {

using base::Document;
using base::invalid_at;
using base::ObjectReader;

constexpr std::size_t kMaxMountSegments = 4;
constexpr std::size_t kMaxMountSize = 128;

bool is_unreserved(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

Result<void> check_mount(std::string_view mount, const base::Place& place) {
  if (mount == "/") return invalid_at(place, "mount has at least one segment, such as /openai");
  if (!mount.starts_with('/') || mount.ends_with('/')) {
    return invalid_at(place, "mount begins with '/' and does not end with one, such as /openai");
  }
  if (mount.size() > kMaxMountSize) return invalid_at(place, "mount has at most 128 bytes");
  if (std::ranges::count(mount, '/') > static_cast<std::ptrdiff_t>(kMaxMountSegments)) {
    return invalid_at(place, "mount has at most four segments");
  }
  if (!std::ranges::all_of(mount, [](char c) { return c == '/' || is_unreserved(c); })) {
    return invalid_at(place, "mount is of letters, digits, '-', '_', '.', '~' and '/'");
  }
  if (!http::check_canonical_path(mount).has_value()) {
    return invalid_at(place, "mount has no empty segments and no '.' or '..'");
  }
  return ok();
}

Result<std::string> read_mount(ObjectReader& reader) {
  const Document* node = CLV_TRY(reader.required("mount"));
  std::string mount = CLV_TRY(base::read_string(*node, "mount"));
  CLV_TRY_VOID(check_mount(mount, node->place));
  return mount;
}

Result<PrivateAddresses> read_private_addresses(ObjectReader& reader) {
  constexpr std::string_view kKey = "allow_private_addresses";
  PrivateAddresses allowed;
  const Document* node = reader.find(kKey);
  if (node == nullptr) return allowed;
  if (node->type == Document::Type::kList) {
    allowed.ranges = CLV_TRY(list_of<base::Cidr>(*node, kKey, &base::parse_cidr));
    return allowed;
  }
  const auto all = base::read_boolean(*node, kKey);
  if (!all.has_value()) {
    return invalid_at(node->place, "allow_private_addresses is true, false or a list such as [10.0.0.0/8]");
  }
  allowed.all = *all;
  return allowed;
}

bool is_allowed(const PrivateAddresses& allowed, const base::IpAddress& address) {
  return allowed.all ||
         std::ranges::any_of(allowed.ranges, [&](const base::Cidr& c) { return c.contains(address); });
}

// What could never work is said now, not at the first call.
Result<void> check_base_url(const UpstreamResource& upstream, const base::Place& place) {
  if (!upstream.base_url.tls && !upstream.allow_plaintext) {
    return invalid_at(
        place,
        "base_url is http://, which would show the credential to the network; use https://, or say "
        "allow_plaintext: true");
  }
  if (!upstream.base_url.host_is_ip) return ok();
  const base::IpAddress address = CLV_TRY(base::parse_ip(upstream.base_url.host));
  if (!base::is_special_purpose(address) || is_allowed(upstream.allow_private_addresses, address))
    return ok();
  return invalid_at(place,
                    "base_url names a private or special-purpose address; if that is meant, say so: "
                    "allow_private_addresses: [" +
                        base::format_ip(address) + "]");
}

Result<UpstreamTls> read_tls(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "tls"));
  UpstreamTls tls;
  tls.ca = CLV_TRY(reader.optional_string("ca")).value_or("");
  tls.server_name = CLV_TRY(reader.optional_string("server_name")).value_or("");
  CLV_TRY_VOID(reader.finish());
  if (!tls.server_name.empty()) {
    const auto url = http::parse_base_url("https://" + tls.server_name);
    if (!url.has_value() || url->authority != tls.server_name || !url->path.empty()) {
      return invalid_at(node.place, "tls.server_name is a host name in lower case, without a port");
    }
  }
  return tls;
}

Result<UpstreamTimeouts> read_timeouts(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "timeouts"));
  UpstreamTimeouts timeouts;
  timeouts.connect = CLV_TRY(duration_or(reader, "connect", timeouts.connect));
  timeouts.first_byte = CLV_TRY(duration_or(reader, "first_byte", timeouts.first_byte));
  timeouts.idle = CLV_TRY(duration_or(reader, "idle", timeouts.idle));
  CLV_TRY_VOID(reader.finish());
  return timeouts;
}

Result<void> read_base_url(ObjectReader& reader, UpstreamResource& upstream) {
  const Document* node = CLV_TRY(reader.required("base_url"));
  const std::string text = CLV_TRY(base::read_string(*node, "base_url"));
  Result<http::BaseUrl> url = http::parse_base_url(text);
  if (!url.has_value()) return invalid_at(node->place, url.error().what());
  upstream.base_url = *std::move(url);
  return check_base_url(upstream, node->place);
}

}  // namespace

Result<UpstreamResource> read_upstream(const Document& document) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(document, "upstream"));
  UpstreamResource upstream;
  upstream.place = document.place;
  CLV_TRY_VOID(reader.required("kind"));
  upstream.name = CLV_TRY(required_name(reader, "name"));
  upstream.mount = CLV_TRY(read_mount(reader));
  upstream.allow_private_addresses = CLV_TRY(read_private_addresses(reader));
  upstream.allow_plaintext = CLV_TRY(reader.boolean_or("allow_plaintext", false));
  CLV_TRY_VOID(read_base_url(reader, upstream));
  if (const Document* auth = reader.find("auth"); auth != nullptr) upstream.auth = *auth;
  const std::string slash = CLV_TRY(one_of(reader, "encoded_slash", {"refuse", "opaque"}, "refuse"));
  if (slash == "opaque") upstream.encoded_slash = EncodedSlash::kOpaque;
  if (const Document* tls = reader.find("tls"); tls != nullptr) {
    if (!upstream.base_url.tls) return invalid_at(tls->place, "tls has no meaning for a base_url of http://");
    upstream.tls = CLV_TRY(read_tls(*tls));
  }
  if (const Document* timeouts = reader.find("timeouts"); timeouts != nullptr) {
    upstream.timeouts = CLV_TRY(read_timeouts(*timeouts));
  }
  CLV_TRY_VOID(reader.finish());
  return upstream;
}

}  // namespace claviger::policy
