// SPDX-License-Identifier: Apache-2.0
#include "policy/upstream_resource.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/parse.h"
#include "crypto/encode.h"
#include "policy/field_readers.h"

namespace claviger::policy {
namespace {

using base::Document;
using base::invalid_at;
using base::ObjectReader;

constexpr std::size_t kMaxMountSegments = 4;
constexpr std::size_t kMaxMountSize = 128;
constexpr std::size_t kMaxPins = 16;

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
Result<void> check_base_url(const http::BaseUrl& url, const UpstreamResource& upstream,
                            const base::Place& place) {
  if (!url.tls && !upstream.allow_plaintext) {
    return invalid_at(
        place,
        "base_url is http://, which would show the credential to the network; use https://, or say "
        "allow_plaintext: true");
  }
  if (!url.host_is_ip) return ok();
  const base::IpAddress address = CLV_TRY(base::parse_ip(url.host));
  if (!base::is_special_purpose(address) || is_allowed(upstream.allow_private_addresses, address))
    return ok();
  return invalid_at(place,
                    "base_url names a private or special-purpose address; if that is meant, say so: "
                    "allow_private_addresses: [" +
                        base::format_ip(address) + "]");
}

// "sha256/BASE64", as RFC 7469 and curl have it, or "sha256:HEX".
Result<crypto::Sha256Digest> parse_pin(std::string_view text) {
  constexpr std::string_view kScheme = "sha256";
  crypto::Sha256Digest pin{};
  std::array<std::byte, 33> decoded;  // base64 of 32 bytes has room for one more
  const std::string_view value = text.substr(std::min(text.size(), kScheme.size() + 1));
  if (text.starts_with("sha256/") && value.size() == crypto::base64_size(pin.size())) {
    const crypto::Decoded done = crypto::base64_decode(value, decoded);
    std::copy_n(decoded.begin(), pin.size(), pin.begin());
    if (done.valid && done.size == pin.size()) return pin;
  }
  if (text.starts_with("sha256:") && base::parse_hex(value, pin).has_value()) return pin;
  return Error(Code::kInvalid, Blame::kOperator,
               "a pin is sha256/ and base64, or sha256: and 64 hex digits, of a public key's SHA-256");
}

Result<std::vector<crypto::Sha256Digest>> read_pins(ObjectReader& reader) {
  const Document* node = reader.find("pins");
  if (node == nullptr) return std::vector<crypto::Sha256Digest>();
  auto pins = CLV_TRY(list_of<crypto::Sha256Digest>(*node, "pins", &parse_pin));
  if (pins.empty() || pins.size() > kMaxPins)
    return invalid_at(node->place, "pins has 1 to 16 entries; leave it out to trust every key of the CA");
  return pins;
}

Result<UpstreamTls> read_tls(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "tls"));
  UpstreamTls tls;
  tls.ca = CLV_TRY(reader.optional_string("ca")).value_or("");
  tls.server_name = CLV_TRY(reader.optional_string("server_name")).value_or("");
  tls.pins = CLV_TRY(read_pins(reader));
  tls.tls13_only = CLV_TRY(one_of(reader, "min_version", {"1.2", "1.3"}, "1.2")) == "1.3";
  CLV_TRY_VOID(reader.finish());
  if (!tls.server_name.empty()) {
    const auto url = http::parse_base_url("https://" + tls.server_name);
    if (!url.has_value() || url->authority != tls.server_name || !url->path.empty()) {
      return invalid_at(node.place, "tls.server_name is a host name in lower case, without a port");
    }
  }
  return tls;
}

// A part is not longer than the whole: one that was given is refused, a default is cut.
Result<std::chrono::milliseconds> part_or(ObjectReader& reader, std::string_view key,
                                          std::chrono::milliseconds fallback, std::string_view whole,
                                          std::chrono::milliseconds at_most) {
  const std::chrono::milliseconds part = CLV_TRY(duration_or(reader, key, std::min(fallback, at_most)));
  if (part <= at_most) return part;
  return invalid_at(reader.find(key)->place,
                    std::string(key) + " is a part of " + std::string(whole) + ", and not longer");
}

Result<UpstreamTimeouts> read_timeouts(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "timeouts"));
  UpstreamTimeouts timeouts;
  const auto total = CLV_TRY(duration_or(reader, "total", timeouts.total));
  const bool is_given = reader.find("total") != nullptr;  // a default gives way to its parts
  const auto at_most = is_given ? total : std::chrono::milliseconds::max();
  timeouts.connect = CLV_TRY(part_or(reader, "connect", timeouts.connect, "total", at_most));
  timeouts.tls = CLV_TRY(part_or(reader, "tls", timeouts.tls, "connect", timeouts.connect));
  timeouts.first_byte = CLV_TRY(part_or(reader, "first_byte", timeouts.first_byte, "total", at_most));
  timeouts.idle = CLV_TRY(part_or(reader, "idle", timeouts.idle, "total", at_most));
  timeouts.total = std::max({total, timeouts.connect, timeouts.first_byte, timeouts.idle});
  CLV_TRY_VOID(reader.finish());
  return timeouts;
}

Result<AnswerRules> read_answers(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "answers"));
  AnswerRules answers;
  answers.mask = CLV_TRY(reader.boolean_or("mask", true));
  answers.pass_cookies = CLV_TRY(one_of(reader, "cookies", {"drop", "pass"}, "drop")) == "pass";
  CLV_TRY_VOID(reader.finish());
  return answers;
}

Result<http::BaseUrl> read_base_url(const Document& node, const UpstreamResource& upstream) {
  const std::string text = CLV_TRY(base::read_string(node, "base_url"));
  Result<http::BaseUrl> url = http::parse_base_url(text);
  if (!url.has_value()) return invalid_at(node.place, url.error().what());
  CLV_TRY_VOID(check_base_url(*url, upstream, node.place));
  return url;
}

// Whether one more address may serve the same API.
Result<void> check_alike(const http::BaseUrl& url, const UpstreamResource& upstream,
                         const base::Place& place) {
  const http::BaseUrl& first = upstream.base_url;
  if (url.tls != first.tls || url.path != first.path)
    return invalid_at(place, "base_urls have the same scheme and the same path: they are one API");
  const auto is_same = [&](const http::BaseUrl& known) {
    return known.host == url.host && known.port == url.port;
  };
  if (is_same(first) || std::ranges::any_of(upstream.other_base_urls, is_same))
    return invalid_at(place, "base_urls has the same host and port twice");
  return ok();
}

Result<void> read_base_url_list(const Document& node, UpstreamResource& upstream) {
  if (node.type != Document::Type::kList || node.items.empty() || node.items.size() > kMaxBaseUrls)
    return invalid_at(node.place, "base_urls is a list of 1 to 16 URLs");
  upstream.base_url = CLV_TRY(read_base_url(node.items.front(), upstream));
  for (const Document& item : std::span(node.items).subspan(1)) {
    http::BaseUrl url = CLV_TRY(read_base_url(item, upstream));
    CLV_TRY_VOID(check_alike(url, upstream, item.place));
    upstream.other_base_urls.push_back(std::move(url));
  }
  return ok();
}

Result<void> read_base_urls(ObjectReader& reader, UpstreamResource& upstream) {
  const Document* list = reader.find("base_urls");
  if (list == nullptr) {
    const Document* node = CLV_TRY(reader.required("base_url"));
    upstream.base_url = CLV_TRY(read_base_url(*node, upstream));
    return ok();
  }
  if (reader.find("base_url") != nullptr)
    return invalid_at(list->place, "an upstream has either base_url or base_urls");
  return read_base_url_list(*list, upstream);
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
  CLV_TRY_VOID(read_base_urls(reader, upstream));
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
  if (const Document* denied = reader.find("deny_paths"); denied != nullptr)
    upstream.deny_paths = CLV_TRY(DeniedPaths::read(*denied));
  if (const Document* answers = reader.find("answers"); answers != nullptr)
    upstream.answers = CLV_TRY(read_answers(*answers));
  if (const Document* record = reader.find("record"); record != nullptr)
    upstream.record = CLV_TRY(RecordRules::read(*record));
  CLV_TRY_VOID(reader.finish());
  return upstream;
}

}  // namespace claviger::policy
