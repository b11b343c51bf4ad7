// SPDX-License-Identifier: Apache-2.0
#include "credentials/aws_keys.h"

#include <algorithm>
#include <initializer_list>

namespace claviger::credentials {
namespace {

constexpr std::size_t kMaxAccessKeyId = 128;
constexpr std::size_t kMaxSessionToken = std::size_t{12} << 10;

Error no_keys(std::string_view why) {
  std::string text("its secret is no pair of AWS keys: ");
  text.append(why).append(
      R"(; it has to be {"access_key_id": "...", "secret_access_key": "..."}, with "session_token" where they are temporary, )"
      "or ID:SECRET");
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(text));
}

bool is_visible(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

// It stands in the Authorization field, where '/' and ',' end it.
bool is_access_key_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMaxAccessKeyId && is_visible(text) &&
         text.find_first_of("/,") == std::string_view::npos;
}

std::string_view first_of(const base::SecretJson& json, std::string_view own, std::string_view theirs) {
  for (const auto path : {std::initializer_list<std::string_view>{own}, {theirs}, {"Credentials", theirs}})
    if (const auto text = json.text(path)) return *text;
  return {};
}

// "a:b" and "a:b:c", or on as many lines.
AwsKeys split(std::string_view text) noexcept {
  const char separator = text.find('\n') == std::string_view::npos ? ':' : '\n';
  const auto next = [&] {
    const std::size_t end = text.find(separator);
    std::string_view part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (part.ends_with('\r')) part.remove_suffix(1);
    return part;
  };
  AwsKeys keys;
  keys.access_key_id = next();
  keys.secret_access_key = next();
  keys.session_token = text.ends_with('\r') ? text.substr(0, text.size() - 1) : text;
  return keys;
}

}  // namespace

Result<AwsKeyText> AwsKeyText::parse(std::string_view text, base::SecretArena& arena) {
  AwsKeyText parsed;
  if (text.starts_with('{')) {
    parsed.json_ = CLV_TRY(base::SecretJson::parse(text, arena, "its secret"));
    parsed.keys_ = {.access_key_id = first_of(*parsed.json_, "access_key_id", "AccessKeyId"),
                    .secret_access_key = first_of(*parsed.json_, "secret_access_key", "SecretAccessKey"),
                    .session_token = first_of(*parsed.json_, "session_token", "SessionToken")};
  } else {
    parsed.keys_ = split(text);
  }
  const AwsKeys& keys = parsed.keys_;
  if (!is_access_key_id(keys.access_key_id)) return no_keys("there is no access key id, or not in its form");
  if (keys.secret_access_key.empty() || keys.secret_access_key.size() > kMaxAwsSecretKey ||
      !is_visible(keys.secret_access_key))
    return no_keys("there is no secret access key, or not in its form");
  if (keys.session_token.size() > kMaxSessionToken || !is_visible(keys.session_token))
    return no_keys("the session token is not in its form");
  return parsed;
}

}  // namespace claviger::credentials
