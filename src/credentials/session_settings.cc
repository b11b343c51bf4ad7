// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/parse.h"
#include "credentials/session_login.h"
#include "credentials/static_credential.h"

namespace claviger::credentials {
namespace {

using base::Document;
using base::invalid_at;
using LoginForm = SessionSettings::LoginForm;

constexpr std::size_t kMaxUsernameSize = 256;
constexpr std::size_t kMaxPath = 8;
constexpr std::size_t kMaxFields = 32;
constexpr std::size_t kMaxDepth = 4;
constexpr std::size_t kMaxWords = 8;

// "token", "data.session.token".
Result<SessionSettings::Path> read_path(const Document& node, const std::string& what) {
  std::string text = CLV_TRY(base::read_string(node, what));
  SessionSettings::Path path;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('.', at), text.size());
    path.push_back(text.substr(at, end - at));
    if (path.back().empty() || path.size() > kMaxPath)
      return invalid_at(node.place, what + " is a path through JSON objects, such as data.token");
    at = end + 1;
  }
  return path;
}

// How often a mark is in there; of texts in maps.
struct Marks {
  std::size_t users = 0;
  std::size_t passwords = 0;
};

Result<void> look_through(const Document& node, bool nests, std::size_t depth, Marks& marks) {
  if (node.type == Document::Type::kScalar) {
    if (node.scalar == kUserMark) ++marks.users;
    if (node.scalar == kPasswordMark) ++marks.passwords;
    return ok();
  }
  if (node.type != Document::Type::kMap || (depth > 0 && !nests) || depth == kMaxDepth ||
      node.entries.size() > kMaxFields)
    return invalid_at(node.place, nests ? "auth.login.json is a map of names and texts, or of such maps"
                                        : "auth.login: the fields are a map of names and texts");
  for (const auto& [name, value] : node.entries) CLV_TRY_VOID(look_through(value, nests, depth + 1, marks));
  return ok();
}

Result<void> read_fields(base::ObjectReader& login, const Document& place, SessionSettings& settings) {
  int forms = 0;
  const auto look = [&](std::string_view key, LoginForm form) {
    const Document* const node = login.find(key);
    if (node == nullptr) return;
    ++forms;
    settings.form = form;
    settings.fields = *node;
  };
  look("form", LoginForm::kForm);
  look("json", LoginForm::kJson);
  look("query", LoginForm::kQuery);
  if (forms != 1)
    return invalid_at(place.place,
                      "auth.login has one of form, json and query, such as form: { user: $user, pass: "
                      "$password }");
  Marks marks;
  CLV_TRY_VOID(look_through(settings.fields, settings.form == LoginForm::kJson, 0, marks));
  if (settings.fields.type != Document::Type::kMap || marks.passwords != 1 || marks.users > 1)
    return invalid_at(place.place, "auth.login: one field is $password, and at most one $user");
  return ok();
}

// At the upstream: below its base URL, and canonical as what callers send.
Result<TokenEndpoint> read_login_path(const Document& node) {
  TokenEndpoint endpoint;
  endpoint.target = CLV_TRY(base::read_string(node, "auth.login.path"));
  if (const auto path = http::check_canonical_path(endpoint.target); !path.has_value())
    return invalid_at(node.place, "auth.login.path is a path such as /api/login");
  return endpoint;
}

Result<void> read_login(base::ObjectReader& reader, SessionSettings& settings) {
  const Document* const node = CLV_TRY(reader.required("login"));
  base::ObjectReader login = CLV_TRY(base::ObjectReader::of(*node, "auth.login"));
  const Document* const path = login.find("path");
  if ((path != nullptr) == (login.find("url") != nullptr))
    return invalid_at(node->place, "auth.login has a path at the upstream, or the url of somewhere else");
  settings.endpoint =
      path != nullptr ? CLV_TRY(read_login_path(*path)) : CLV_TRY(read_endpoint(login, "url"));
  CLV_TRY_VOID(read_fields(login, *node, settings));
  const std::string method = CLV_TRY(login.optional_string("method")).value_or("POST");
  if (method != "POST" && method != "PUT" && method != "GET")
    return invalid_at(node->place, "auth.login.method is POST, PUT or GET");
  settings.method = http::method_of(method);
  if (method == "GET" && settings.form != LoginForm::kQuery)
    return invalid_at(node->place, "auth.login: a GET has no body; use query");
  return login.finish();
}

Result<void> read_token(base::ObjectReader& reader, SessionSettings& settings) {
  const Document* const node = CLV_TRY(reader.required("token"));
  base::ObjectReader token = CLV_TRY(base::ObjectReader::of(*node, "auth.token"));
  if (const Document* path = token.find("json"); path != nullptr)
    settings.token_json = CLV_TRY(read_path(*path, "auth.token.json"));
  settings.token_cookie = CLV_TRY(token.optional_string("cookie")).value_or("");
  if (const Document* path = token.find("expires_in"); path != nullptr)
    settings.expires_json = CLV_TRY(read_path(*path, "auth.token.expires_in"));
  CLV_TRY_VOID(token.finish());
  if (settings.token_json.empty() == settings.token_cookie.empty())
    return invalid_at(node->place,
                      "auth.token has a json path or the name of a cookie, such as { json: token }");
  if (settings.token_json.empty() && !settings.expires_json.empty())
    return invalid_at(node->place, "auth.token.expires_in is for JSON answers; say lifetime");
  return ok();
}

Result<unsigned> read_status(const Document& node) {
  const auto status = CLV_TRY(base::read_number(node, "auth.lost.statuses", 200, 499));
  return static_cast<unsigned>(status);
}

// { statuses: [401], json: status, is: [invalid-token] }
Result<void> read_lost(base::ObjectReader& reader, SessionSettings& settings) {
  const Document* const node = reader.find("lost");
  if (node == nullptr) return ok();
  base::ObjectReader lost = CLV_TRY(base::ObjectReader::of(*node, "auth.lost"));
  if (const Document* statuses = lost.find("statuses"); statuses != nullptr) {
    settings.lost_statuses.clear();
    if (statuses->type != Document::Type::kList || statuses->items.size() > kMaxWords)
      return invalid_at(statuses->place, "auth.lost.statuses is a list such as [401]");
    for (const Document& item : statuses->items) {
      settings.lost_statuses.push_back(CLV_TRY(read_status(item)));
      if (settings.lost_statuses.back() < 400)
        return invalid_at(item.place, "auth.lost.statuses: 400 to 499; a success is told by json");
    }
  }
  if (const Document* path = lost.find("json"); path != nullptr)
    settings.lost_json = CLV_TRY(read_path(*path, "auth.lost.json"));
  settings.lost_words = CLV_TRY(lost.strings_or_empty("is"));
  CLV_TRY_VOID(lost.finish());
  const bool is_short =
      std::ranges::any_of(settings.lost_words, [](const auto& word) { return word.empty(); });
  if (settings.lost_json.empty() != settings.lost_words.empty() || settings.lost_words.size() > kMaxWords ||
      is_short)
    return invalid_at(node->place,
                      "auth.lost: json and is go together, such as { json: status, is: [invalid-token] }");
  return ok();
}

}  // namespace

Result<SessionSettings> read_session_settings(const Document& auth) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind session_login"));
  CLV_TRY_VOID(reader.required("kind"));
  SessionSettings settings;
  CLV_TRY_VOID(read_login(reader, settings));
  CLV_TRY_VOID(read_token(reader, settings));
  CLV_TRY_VOID(read_lost(reader, settings));
  settings.lifetime = CLV_TRY(read_lifetime(reader));
  settings.username = CLV_TRY(reader.optional_string("username"));
  settings.sending = CLV_TRY(Sending::read(reader));
  CLV_TRY_VOID(reader.finish());
  if (settings.username && (settings.username->size() > kMaxUsernameSize ||
                            !is_field_text(*settings.username) || !base::is_utf8(*settings.username)))
    return invalid_at(auth.place, "auth.username is at most 256 bytes of UTF-8 text");
  if (!settings.lifetime && settings.expires_json.empty())
    return invalid_at(auth.place,
                      "auth says for how long a session is good: lifetime: 30m, or token.expires_in");
  return settings;
}

}  // namespace claviger::credentials
