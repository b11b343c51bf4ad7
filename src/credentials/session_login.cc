// SPDX-License-Identifier: Apache-2.0
// { kind: session_login, login: { path: /login, form: { user: $user, pass: $password } }, token: { json: token }, lifetime: 30m }:
// logs in as a person would, and puts the session's token on requests. The secret is "user:password", or the password alone where
// `username` says who.
#include "credentials/session_login.h"

#include <algorithm>

#include "base/json.h"
#include "base/parse.h"
#include "base/secret_json.h"
#include "credentials/secret_text.h"
#include "credentials/static_credential.h"
#include "credentials/token_kind.h"

namespace claviger::credentials {

const Kind& session_login_kind() noexcept;

namespace {

using LoginForm = SessionSettings::LoginForm;

struct Account {
  std::string_view user;
  std::string_view password;
};

// Requires: a secret that make() took.
Account account_of(const SessionSettings& settings, std::string_view secret) noexcept {
  if (settings.username) return {*settings.username, secret};
  const std::size_t colon = secret.find(':');
  return {secret.substr(0, colon), secret.substr(colon + 1)};
}

// "$user" and "$password" stand for what they say.
std::string_view filled_in(std::string_view text, const Account& account) noexcept {
  if (text == kUserMark) return account.user;
  if (text == kPasswordMark) return account.password;
  return text;
}

void append_pairs(SecretText& out, const base::Document& pairs, const Account& account) {
  for (const auto& [name, value] : pairs.entries) out.append_pair(name, filled_in(value.scalar, account));
}

void append_filled_json(SecretText& out, const base::Document& node, const Account& account) {
  using Type = base::Document::Type;
  if (node.type == Type::kMap) {
    out.append("{");
    for (std::size_t i = 0; i < node.entries.size(); ++i) {
      if (i > 0) out.append(",");
      out.append_json(node.entries[i].first).append(":");
      append_filled_json(out, node.entries[i].second, account);
    }
    out.append("}");
  } else if (node.scalar == kUserMark || node.scalar == kPasswordMark) {
    out.append_json(filled_in(node.scalar, account));
  } else {
    std::string text;
    base::append_json(text, node);
    out.append(text);
  }
}

class Fetcher final : public TokenFetcher {
 public:
  Fetcher(Owner owner, SessionSettings settings, vault::Sealed secret)
      : TokenFetcher(settings.endpoint, std::move(secret)),
        owner_(std::move(owner)),
        settings_(std::move(settings)) {}

  Result<TokenRequest> request(std::string_view secret, WallTime, base::SecretArena& arena) const override {
    const Account account = account_of(settings_, secret);
    TokenRequest request;
    request.method = settings_.method;
    SecretText text(arena);
    if (settings_.form == LoginForm::kJson) {
      append_filled_json(text, settings_.fields, account);
      request.content_type = "application/json";
    } else {
      append_pairs(text, settings_.fields, account);
    }
    base::SecretBytes made = CLV_TRY(std::move(text).take());
    if (settings_.form == LoginForm::kQuery) {
      request.query = std::move(made);
      return request;
    }
    if (settings_.form == LoginForm::kForm) request.content_type = "application/x-www-form-urlencoded";
    request.body = std::move(made);
    return request;
  }

  std::string_view wanted_cookie() const noexcept override { return settings_.token_cookie; }

  Result<FetchedToken> read(const http::FetchAnswer& answer, std::string_view,
                            base::SecretArena& arena) const override {
    CLV_TRY_VOID(check_status(answer.status));
    if (!settings_.token_cookie.empty()) return read_cookie(answer, arena);
    const auto parsed = base::SecretJson::parse(answer.body.reveal_text(), arena, "its answer");
    if (!parsed.has_value()) {
      if (parsed.error().code() == Code::kUnavailable) return parsed.error();
      return bad_answer("answers the log-in with what is no JSON");
    }
    // Many say that a password is wrong with a 200.
    const auto token = parsed->text_at(settings_.token_json);
    if (!token || token->empty()) return refused_by_endpoint("its answer to the log-in has no token");
    FetchedToken fetched;
    fetched.lifetime = CLV_TRY(lifetime_in(*parsed));
    fetched.text = CLV_TRY(base::SecretBytes::copy_of(arena, std::as_bytes(std::span(*token))));
    return fetched;
  }

  Result<std::unique_ptr<const Credential>> carry(base::SecretBytes token,
                                                  vault::ProcessKey& key) const override {
    return settings_.sending.carry(owner_, std::move(token), key);
  }

  bool is_lost(unsigned status) const noexcept override {
    return std::ranges::find(settings_.lost_statuses, status) != settings_.lost_statuses.end();
  }
  bool looks_at_bodies() const noexcept override { return !settings_.lost_json.empty(); }
  // What an upstream answers may show the token.
  bool is_lost(std::string_view body, base::SecretArena& arena) const override {
    // A look for the words comes first: few answers have them.
    const bool may_be = std::ranges::any_of(settings_.lost_words, [&](const std::string& word) {
      return body.find(word) != std::string_view::npos;
    });
    if (!may_be) return false;
    const auto parsed = base::SecretJson::parse(body, arena, "its answer");
    if (!parsed.has_value()) return false;
    const auto text = parsed->text_at(settings_.lost_json);
    return text && std::ranges::find(settings_.lost_words, *text) != settings_.lost_words.end();
  }

 private:
  static Result<void> check_status(unsigned status) {
    if (status >= 200 && status <= 299) return ok();
    const std::string text = std::to_string(status);
    // A page after the log-in is what a browser is sent to; the token is in this answer all the same, if anywhere.
    if (status == 302 || status == 303) return ok();
    if (status >= 300 && status < 400)
      return bad_answer("redirects (" + text + "), and no redirect is followed with a secret");
    if (status >= 400 && status < 500 && status != 404 && status != 408 && status != 429)
      return refused_by_endpoint("it answers " + text);
    return bad_answer("answers " + text);
  }

  Result<FetchedToken> read_cookie(const http::FetchAnswer& answer, base::SecretArena& arena) const {
    if (answer.cookie.empty()) return refused_by_endpoint("its answer to the log-in has no such cookie");
    return FetchedToken{.text = CLV_TRY(base::SecretBytes::copy_of(arena, answer.cookie.reveal())),
                        .lifetime = settings_.lifetime.value_or(kLifetimeUnsaid),
                        .next_secret = {}};
  }

  Result<std::chrono::seconds> lifetime_in(const base::SecretJson& answer) const {
    if (settings_.expires_json.empty() || !answer.has_at(settings_.expires_json))
      return settings_.lifetime.value_or(kLifetimeUnsaid);
    if (const auto number = answer.number_at(settings_.expires_json)) return lifetime_of(*number);
    return bad_answer("says for how long the session is good by what is no number of seconds");
  }

  Owner owner_;
  SessionSettings settings_;
};

class SessionLoginKind final : public TokenKind<read_session_settings, &SessionSettings::endpoint> {
 public:
  std::string_view name() const noexcept override { return "session_login"; }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const override {
    SessionSettings settings = CLV_TRY(read_session_settings(material.auth));
    const std::string_view secret = material.secret.reveal_text();
    CLV_TRY_VOID(check_secret(material.name, secret));
    if (!settings.username && secret.find(':') == std::string_view::npos)
      return unusable(material.name,
                      "its secret is no 'user:password'; say auth: { username: NAME } when the secret is "
                      "the password alone");
    if (settings.form == LoginForm::kJson && !base::is_utf8(secret))
      return unusable(material.name, "its secret is no UTF-8, which it has to be to go into JSON");
    const std::string_view password = account_of(settings, secret).password;
    EchoMarks echoes = CLV_TRY(marks_of_secrets(material, {&password, 1}, key));
    const Sending sending = settings.sending;
    return make_token_credential<Fetcher>(std::move(material), std::move(settings), sending,
                                          std::move(echoes), key);
  }
};

}  // namespace

const Kind& session_login_kind() noexcept {
  static const SessionLoginKind kind;
  return kind;
}

}  // namespace claviger::credentials
