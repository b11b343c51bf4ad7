// SPDX-License-Identifier: Apache-2.0
#pragma once

// The settings of kind session_login.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/result.h"
#include "credentials/token_settings.h"
#include "http/message.h"

namespace claviger::credentials {

inline constexpr std::string_view kUserMark = "$user";
inline constexpr std::string_view kPasswordMark = "$password";

struct SessionSettings {
  enum class LoginForm : std::uint8_t { kForm, kJson, kQuery };
  using Path = std::vector<std::string>;  // through the objects of a JSON text

  TokenEndpoint endpoint;  // `login: { path: ... }` at the upstream, or `login: { url: ... }`
  http::Method method = http::Method::kPost;
  LoginForm form = LoginForm::kForm;
  base::Document fields;  // a map, whose texts "$user" and "$password" are filled in
  std::optional<std::string> username;  // nothing: the secret has it
  Path token_json;  // where the answer has the token: one of the two
  std::string token_cookie;
  Path expires_json;  // where it has the seconds that it is good for; empty: nowhere
  std::optional<std::chrono::seconds> lifetime;
  std::vector<unsigned> lost_statuses{
      401};  // by which the upstream says that it does not know the session any more
  Path
      lost_json;  // or by a text there, of lost_words, in a JSON answer of whatever status; empty: it does not
  std::vector<std::string> lost_words;
  Sending sending;
};

Result<SessionSettings> read_session_settings(const base::Document& auth);

}  // namespace claviger::credentials
