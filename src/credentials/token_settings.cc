// SPDX-License-Identifier: Apache-2.0
#include "credentials/token_settings.h"

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "credentials/catalog.h"
#include "credentials/static_credential.h"

namespace claviger::credentials {
namespace {

constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxParameters = 16;
constexpr std::size_t kMaxCookieName = 64;

// RFC 6265 section 4.1.1, as far as it can be sent back: no quote, comma, semicolon or backslash.
bool is_cookie_value(std::string_view text) noexcept {
  return std::ranges::all_of(
      text, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\'; });
}

bool is_cookie_name(std::string_view text) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && text.size() <= kMaxCookieName && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// RFC 9112 section 3.2: visible ASCII, and no fragment.
bool is_target(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

Result<void> check_plain(const base::Document& node, std::string_view key, std::string_view text) {
  if (!text.empty() && text.size() <= kMaxText && is_field_text(text)) return ok();
  return base::invalid_at(node.place,
                          "auth." + std::string(key) + " is 1 to 1024 bytes of text without control bytes");
}

Result<void> read_addresses(base::ObjectReader& reader, TokenEndpoint& endpoint) {
  constexpr std::string_view kKey = "allow_private_addresses";
  const base::Document* node = reader.find(kKey);
  if (node == nullptr) return ok();
  if (node->type != base::Document::Type::kList) {
    const auto all = base::read_boolean(*node, kKey);
    if (!all.has_value())
      return base::invalid_at(node->place,
                              "auth.allow_private_addresses is true, false or a list such as [10.0.0.0/8]");
    endpoint.allow_private = *all;
    return ok();
  }
  for (const base::Document& item : node->items) {
    const std::string text = CLV_TRY(base::read_string(item, kKey));
    const auto range = base::parse_cidr(text);
    if (!range.has_value()) return base::invalid_at(item.place, range.error().what());
    endpoint.allowed.push_back(*range);
  }
  return ok();
}

// What could never work is said now, not at the first call.
Result<void> check_url(const base::Document& node, const TokenEndpoint& endpoint, bool allow_plaintext) {
  const http::BaseUrl& url = *endpoint.url;
  if (!url.tls && !allow_plaintext)
    return base::invalid_at(node.place,
                            "the URL is http://, which would show the credential to the network; use "
                            "https://, or say allow_plaintext: true");
  if (!endpoint.ca.empty() && !url.tls)
    return base::invalid_at(node.place, "auth.ca has no meaning for a URL of http://");
  if (!url.host_is_ip) return ok();
  const base::IpAddress address = CLV_TRY(base::parse_ip(url.host));
  const bool is_allowed =
      endpoint.allow_private ||
      std::ranges::any_of(endpoint.allowed, [&](const base::Cidr& range) { return range.contains(address); });
  if (!base::is_special_purpose(address) || is_allowed) return ok();
  return base::invalid_at(node.place,
                          "the URL names a private or special-purpose address; if that is meant, say so in "
                          "auth: allow_private_addresses: [" +
                              base::format_ip(address) + "]");
}

}  // namespace

Result<std::string> read_text(base::ObjectReader& reader, std::string_view key) {
  const base::Document* const node = reader.find(key);
  if (node == nullptr) return std::string();
  std::string text = CLV_TRY(base::read_string(*node, "auth." + std::string(key)));
  CLV_TRY_VOID(check_plain(*node, key, text));
  return text;
}

Result<Parameters> read_parameters(base::ObjectReader& reader, std::span<const std::string_view> taken) {
  const base::Document* const node = reader.find("parameters");
  Parameters parameters;
  if (node == nullptr) return parameters;
  if (node->type != base::Document::Type::kMap || node->entries.size() > kMaxParameters)
    return base::invalid_at(node->place, "auth.parameters is a map of at most 16 names and values");
  for (const auto& [name, value] : node->entries) {
    if (std::ranges::find(taken, name) != taken.end())
      return base::invalid_at(value.place, "auth.parameters: '" + base::printable_name(name) +
                                               "' has a setting of its own, or is the secret's");
    std::string text = CLV_TRY(base::read_string(value, "auth.parameters"));
    CLV_TRY_VOID(check_plain(value, "parameters", text));
    parameters.emplace_back(name, std::move(text));
  }
  return parameters;
}

Result<std::optional<std::chrono::seconds>> read_lifetime(base::ObjectReader& reader) {
  const base::Document* const node = reader.find("lifetime");
  if (node == nullptr) return std::optional<std::chrono::seconds>();
  const std::string text = CLV_TRY(base::read_string(*node, "auth.lifetime"));
  const auto read = base::parse_duration(text);
  if (!read.has_value() || *read < std::chrono::seconds(10) || *read > kMostLifetime)
    return base::invalid_at(node->place, "auth.lifetime is 10s to 24h, such as 30m");
  return std::optional(std::chrono::duration_cast<std::chrono::seconds>(*read));
}

Result<TokenEndpoint> read_endpoint(base::ObjectReader& reader, std::string_view key) {
  const base::Document* const node = CLV_TRY(reader.required(key));
  const std::string text = CLV_TRY(base::read_string(*node, "auth." + std::string(key)));
  const std::size_t query = std::min(text.find('?'), text.size());
  TokenEndpoint endpoint;
  const std::string_view before = std::string_view(text).substr(0, query);
  auto url = http::parse_base_url(before);
  if (!url.has_value()) return base::invalid_at(node->place, url.error().what());
  endpoint.target = url->path;
  // An endpoint may be told from another by the slash at its end, which no base URL has.
  if (before.ends_with('/') || endpoint.target.empty()) endpoint.target += '/';
  endpoint.target += std::string_view(text).substr(query);
  if (!is_target(endpoint.target))
    return base::invalid_at(node->place, "the URL's query holds what no URL may hold");
  url->path.clear();
  endpoint.url = *std::move(url);
  CLV_TRY_VOID(read_addresses(reader, endpoint));
  endpoint.ca = CLV_TRY(reader.optional_string("ca")).value_or("");
  const bool allow_plaintext = CLV_TRY(reader.boolean_or("allow_plaintext", false));
  CLV_TRY_VOID(check_url(*node, endpoint, allow_plaintext));
  return endpoint;
}

// --- How it goes onto requests -------------------------------------------------------------------

Result<Sending> Sending::read(base::ObjectReader& reader) {
  Sending sending;
  const base::Document* const node = reader.find("send");
  if (node == nullptr) {
    sending.how_.type = base::Document::Type::kMap;
    base::Document bearer;
    bearer.type = base::Document::Type::kScalar;
    bearer.scalar = "bearer";
    sending.how_.entries.push_back({"kind", std::move(bearer)});
  } else {
    sending.how_ = *node;
  }
  base::ObjectReader how = CLV_TRY(base::ObjectReader::of(sending.how_, "auth.send"));
  const std::string kind = CLV_TRY(how.required_string("kind"));
  if (kind != "bearer" && kind != "header" && kind != "query" && kind != "cookie")
    return base::invalid_at(sending.how_.place, "auth.send.kind is bearer, header, query or cookie");
  if (kind == "cookie") {
    sending.cookie_ = CLV_TRY(how.required_string("name"));
    CLV_TRY_VOID(how.finish());
    if (!is_cookie_name(sending.cookie_))
      return base::invalid_at(sending.how_.place, "auth.send.name is a cookie's name");
    sending.field_ = "Cookie";
    return sending;
  }
  sending.kind_ = CLV_TRY(find_kind(sending.how_));
  CLV_TRY_VOID(sending.kind_->check(sending.how_));
  if (kind == "bearer") sending.field_ = "Authorization";
  if (kind == "header") sending.field_ = CLV_TRY(how.required_string("name"));
  if (kind == "query") sending.query_ = CLV_TRY(how.required_string("name"));
  return sending;
}

Result<std::unique_ptr<const Credential>> Sending::carry(const Owner& owner, base::SecretBytes token,
                                                         vault::ProcessKey& key) const {
  Material material{.name = owner.name,
                    .auth = how_,
                    .secret = std::move(token),
                    .bound_to = owner.bound_to,
                    .masked = owner.masked};
  if (kind_ != nullptr) return kind_->make(std::move(material), key);
  const std::string_view text = material.secret.reveal_text();
  CLV_TRY_VOID(check_secret(owner.name, text));
  if (!is_cookie_value(text)) return unusable(owner.name, "its token is nothing for a cookie");
  EchoMarks echoes = CLV_TRY(marks_of(material, {&text, 1}, key));
  base::SecretBytes value = CLV_TRY(join(key.arena(), cookie_ + "=", text));
  return seal_static(owner.name, Spot::kField, field_, std::move(value), owner.bound_to, std::move(echoes),
                     key);
}

// A log-in's password may be shorter than what can be told apart in an answer. It is on no call, so that is no reason to refuse it.
Result<EchoMarks> marks_of_secrets(const Material& material, std::span<const std::string_view> secrets,
                                   vault::ProcessKey& key) {
  std::vector<std::string_view> long_enough;
  for (const std::string_view secret : secrets)
    if (secret.size() >= kLeastMarkedSecret) long_enough.push_back(secret);
  if (long_enough.empty()) return EchoMarks();
  return marks_of(material, long_enough, key);
}

Result<void> TokenCredential::write_query(http::HeadWriter& out, const Attaching& with) const {
  if (with.token == nullptr) return Error(Code::kInternal, Blame::kGateway, "a call came without its token");
  return with.token->carrier->write_query(out, with);
}

Result<void> TokenCredential::write_fields(http::HeadWriter& out, const Attaching& with) const {
  if (with.token == nullptr) return Error(Code::kInternal, Blame::kGateway, "a call came without its token");
  return with.token->carrier->write_fields(out, with);
}

// --- Answers -------------------------------------------------------------------------------------

Result<std::chrono::seconds> lifetime_of(std::uint64_t seconds) {
  if (seconds == 0) return bad_answer("gave a token that has expired already");
  return std::chrono::seconds(
      std::min<std::uint64_t>(seconds, static_cast<std::uint64_t>(kMostLifetime.count())));
}

Error bad_answer(std::string_view what) {
  return Error::formatted(Code::kUpstreamFailed, Blame::kUpstream, "the token endpoint " + std::string(what));
}

Error refused_by_endpoint(std::string_view what) {
  return Error::formatted(Code::kNoCredential, Blame::kOperator,
                          "the token endpoint refuses the credential: " + std::string(what));
}

}  // namespace claviger::credentials
