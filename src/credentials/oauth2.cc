// SPDX-License-Identifier: Apache-2.0
#include "credentials/oauth2.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/parse.h"
#include "base/secret_json.h"

namespace claviger::credentials {
namespace {

constexpr std::array<std::string_view, 8> kOwnNames = {
    "grant_type",    "client_id", "client_secret",    "scope",
    "refresh_token", "assertion", "client_assertion", "client_assertion_type"};

// RFC 6749 section 5.2 and RFC 7523 section 3.1. No other word of the endpoint's is repeated: it has just been told a secret.
constexpr std::array<std::string_view, 9> kErrors = {
    "invalid_request", "invalid_client",         "invalid_grant",  "unauthorized_client",    "invalid_scope",
    "access_denied",   "unsupported_grant_type", "invalid_target", "temporarily_unavailable"};

Result<ClientProof> read_proof(base::ObjectReader& reader, ClientProof fallback) {
  const base::Document* const node = reader.find("client_auth");
  if (node == nullptr) return fallback;
  const std::string how = CLV_TRY(base::read_string(*node, "auth.client_auth"));
  if (how == "basic") return ClientProof::kBasic;
  if (how == "body") return ClientProof::kBody;
  if (how == "none") return ClientProof::kNone;
  return base::invalid_at(node->place, "auth.client_auth is basic, body or none");
}

// Of RFC 6749 section 2.3.1: both are form-encoded before they are joined.
Result<base::SecretBytes> basic_of(std::string_view id, std::string_view secret, base::SecretArena& arena) {
  SecretText pair(arena);
  pair.append_form(id).append(":").append_form(secret);
  const base::SecretBytes both = CLV_TRY(std::move(pair).take());
  SecretText value(arena);
  value.append("Basic ").append_base64(both.reveal());
  return std::move(value).take();
}

// An answer that is no success. One without words of the protocol may come from whatever stands in front of the endpoint.
Error error_of(const http::FetchAnswer& answer, base::SecretArena& arena) {
  const std::string status = std::to_string(answer.status);
  if (answer.status >= 300 && answer.status < 400)
    return bad_answer("redirects (" + status + "), and no redirect is followed with a secret");
  std::string_view word;
  const auto parsed = base::SecretJson::parse(answer.body.reveal_text(), arena, "its answer");
  if (parsed.has_value()) {
    const auto said = parsed->text({"error"});
    const auto known = std::ranges::find(kErrors, said.value_or(""));
    if (known != kErrors.end()) word = *known;
  }
  const bool is_refusal = answer.status == 400 || answer.status == 401 || answer.status == 403;
  if (is_refusal && word != "temporarily_unavailable")
    return refused_by_endpoint(word.empty() ? "it answers " + status : std::string(word));
  return bad_answer("answers " + status + (word.empty() ? "" : " (" + std::string(word) + ")"));
}

// A whole number; or a string of one, which some endpoints send.
Result<std::chrono::seconds> lifetime_in(const base::SecretJson& answer,
                                         const std::optional<std::chrono::seconds>& fallback) {
  if (!answer.has({"expires_in"})) return fallback.value_or(kLifetimeUnsaid);
  if (const auto number = answer.number({"expires_in"})) return lifetime_of(*number);
  if (const auto text = answer.text({"expires_in"})) {
    const auto number = base::parse_decimal(*text);
    if (number.has_value()) return lifetime_of(*number);
  }
  return bad_answer("says expires_in that is no number of seconds");
}

Result<base::SecretBytes> copy(std::string_view text, base::SecretArena& arena) {
  return base::SecretBytes::copy_of(arena, std::as_bytes(std::span(text)));
}

}  // namespace

Result<OauthSettings> read_oauth(base::ObjectReader& reader, ClientProof proof) {
  CLV_TRY_VOID(reader.required("kind"));
  OauthSettings settings;
  settings.endpoint = CLV_TRY(read_endpoint(reader, "token_url"));
  settings.sending = CLV_TRY(Sending::read(reader));
  settings.lifetime = CLV_TRY(read_lifetime(reader));
  settings.client_id = CLV_TRY(read_text(reader, "client_id"));
  settings.proof = CLV_TRY(read_proof(reader, proof));
  settings.scope = CLV_TRY(read_text(reader, "scope"));
  settings.parameters = CLV_TRY(read_parameters(reader, kOwnNames));
  return settings;
}

Result<TokenRequest> make_oauth_request(const OauthSettings& settings, SecretText form,
                                        std::string_view client_id, std::string_view client_secret,
                                        base::SecretArena& arena) {
  TokenRequest request;
  request.content_type = "application/x-www-form-urlencoded";
  if (!settings.scope.empty()) form.append_pair("scope", settings.scope);
  for (const auto& [name, value] : settings.parameters) form.append_pair(name, value);
  if (settings.proof == ClientProof::kBasic && !client_secret.empty()) {
    request.authorization = CLV_TRY(basic_of(client_id, client_secret, arena));
  } else {
    if (!client_id.empty()) form.append_pair("client_id", client_id);
    if (settings.proof == ClientProof::kBody && !client_secret.empty())
      form.append_pair("client_secret", client_secret);
  }
  request.body = CLV_TRY(std::move(form).take());
  return request;
}

Result<OauthAnswer> read_oauth_answer(const http::FetchAnswer& answer, const OauthSettings& settings,
                                      base::SecretArena& arena) {
  if (answer.status < 200 || answer.status > 299) return error_of(answer, arena);
  const auto parsed = base::SecretJson::parse(answer.body.reveal_text(), arena, "its answer");
  if (!parsed.has_value()) {
    if (parsed.error().code() == Code::kUnavailable) return parsed.error();
    return bad_answer("gives what is not the JSON of a token");
  }
  const auto token = parsed->text({"access_token"});
  if (!token || token->empty()) return bad_answer("gives no access_token");
  const auto type = parsed->text({"token_type"});
  if (parsed->has({"token_type"}) && !base::equals_ignore_case(type.value_or(""), "bearer"))
    return bad_answer("gives a token of another type than bearer, which needs more than the token");
  OauthAnswer read;
  read.lifetime = CLV_TRY(lifetime_in(*parsed, settings.lifetime));
  read.access_token = CLV_TRY(copy(*token, arena));
  if (const auto next = parsed->text({"refresh_token"}); next && !next->empty())
    read.refresh_token = CLV_TRY(copy(*next, arena));
  return read;
}

Result<FetchedToken> OauthFetcher::read(const http::FetchAnswer& answer, std::string_view,
                                        base::SecretArena& arena) const {
  OauthAnswer read = CLV_TRY(read_oauth_answer(answer, settings_, arena));
  return FetchedToken{.text = std::move(read.access_token), .lifetime = read.lifetime, .next_secret = {}};
}

}  // namespace claviger::credentials
