// SPDX-License-Identifier: Apache-2.0
#include "sources/vault_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace claviger::sources {
namespace {

constexpr std::string_view kBoundTo = "vault token";
constexpr std::size_t kMostToken = std::size_t{8} << 10;
constexpr std::chrono::seconds kLeastTime{5};  // of a token that is worth renewing
constexpr std::chrono::minutes kLogInAgain{10};
constexpr std::string_view kWhat = "Vault's answer";

Error failed(std::string_view what, Blame blame = Blame::kUpstream) {
  return Error::formatted(Code::kUpstreamFailed, blame, fmt::format("Vault {}", what));
}

// What it means that is no answer to the question.
Result<void> judge(unsigned status) {
  switch (status) {
    case 200:
    case 204:
    case 400:
    case 404:
      return ok();
    case 403:
      return failed("refuses it: permission denied (token, policy, or a secret id that is used up)",
                    Blame::kOperator);
    case 429:
      return failed("wants fewer requests (429)");
    case 412:
      return failed("is behind its peers (412)");
    case 472:
    case 473:
      return failed(fmt::format("is a standby that answers nothing ({})", status), Blame::kOperator);
    case 503:
      return failed("is sealed, or not ready (503)");
    default:
      break;
  }
  if (status >= 300 && status < 400)
    return failed(
        fmt::format("answers with a redirect ({}), which is not followed: let `address` be the active "
                    "node's, or a balancer's",
                    status),
        Blame::kOperator);
  return failed(fmt::format("answers {}", status), status >= 500 ? Blame::kUpstream : Blame::kOperator);
}

// Text as a JSON string, in the arena.
class SecretBody {
 public:
  static Result<SecretBody> with_room(base::SecretArena& arena, std::size_t size) {
    SecretBody body;
    body.bytes_ = CLV_TRY(base::SecretBytes::allocate(arena, size));
    return body;
  }
  void add(std::string_view text) noexcept {
    std::memcpy(bytes_.reveal().data() + used_, text.data(), text.size());
    used_ += text.size();
  }
  // Requires: printable ASCII.
  void add_quoted(std::string_view text) noexcept {
    add("\"");
    for (const char& c : text) {
      if (c == '"' || c == '\\') add("\\");
      add({&c, 1});
    }
    add("\"");
  }
  std::string_view text() const noexcept { return bytes_.reveal_text().substr(0, used_); }

 private:
  base::SecretBytes bytes_;
  std::size_t used_ = 0;
};

bool is_printable(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMostToken &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// Of a log-in or renewal; a token that never ends says 0.
std::chrono::seconds time_of(const base::SecretJson& json, std::initializer_list<std::string_view> path) {
  constexpr std::uint64_t kMost = 10ULL * 365 * 86'400;
  return std::chrono::seconds(std::min(json.number(path).value_or(0), kMost));
}

}  // namespace

void VaultSession::keep(std::string_view token, std::chrono::seconds time, bool renewable, Monotonic now) {
  Token kept{.sealed = key_.seal(std::as_bytes(std::span(token)), kBoundTo)};
  if (time.count() > 0) {
    kept.ends = now + time;
    kept.renew_at = now + time * 2 / 3;
    kept.renewable = renewable && time >= kLeastTime;
  }
  token_ = std::move(kept);
}

Result<base::SecretBytes> VaultSession::open_token() const {
  auto text = CLV_TRY(base::SecretBytes::allocate(key_.arena(), token_->sealed.plain_size()));
  auto opener = CLV_TRY(key_.make_opener());
  CLV_TRY_VOID(opener.open(token_->sealed, text.reveal()));
  return text;
}

net::Task<Result<VaultSession::Answer>> VaultSession::send(const http::FetchSurroundings& around,
                                                           http::Method method, std::string_view path,
                                                           std::string_view body, bool with_token,
                                                           std::optional<std::chrono::seconds>& wait) {
  base::SecretBytes token;
  if (with_token) token = CLV_CO_TRY(open_token());
  std::array<http::FetchField, 4> fields;
  std::size_t count = 0;
  fields[count++] = {"X-Vault-Request", "true"};
  if (with_token) fields[count++] = {"X-Vault-Token", token.reveal_text()};
  if (!options_.name_space.empty()) fields[count++] = {"X-Vault-Namespace", options_.name_space};
  if (!body.empty()) fields[count++] = {"Content-Type", "application/json"};
  const std::string target = options_.address.base.path + "/v1/" + std::string(path);
  auto fetched = co_await http::fetch(
      around, target_,
      {.method = method, .target = target, .fields = std::span(fields).first(count), .body = body});
  if (!fetched.has_value()) co_return fetched.error();
  wait = fetched->retry_after;
  Answer answer{.status = fetched->status, .json = {}};
  if (answer.status == 200)
    answer.json = CLV_CO_TRY(base::SecretJson::parse(fetched->body.reveal_text(), around.arena, kWhat));
  co_return answer;
}

// --- The token -----------------------------------------------------------------------------------

net::Task<Result<void>> VaultSession::make_ready(const http::FetchSurroundings& around,
                                                 std::optional<std::chrono::seconds>& wait) {
  const Monotonic now = around.loop.now();
  if (token_ && now < token_->renew_at) co_return ok();
  if (token_ && token_->renewable && now < token_->ends) {
    const auto renewed = co_await renew(around, wait);
    // One that is good still is used while Vault cannot be asked.
    if (renewed.has_value() || (token_ && renewed.error().blame() == Blame::kUpstream)) co_return ok();
  }
  token_.reset();
  co_return co_await (options_.token.empty() ? log_in(around, wait) : take_token(around, wait));
}

net::Task<Result<void>> VaultSession::renew(const http::FetchSurroundings& around,
                                            std::optional<std::chrono::seconds>& wait) {
  const auto answer =
      CLV_CO_TRY(co_await send(around, http::Method::kPost, "auth/token/renew-self", "{}", true, wait));
  CLV_CO_TRY_VOID(judge(answer.status));
  if (!answer.json) co_return failed("does not renew the token", Blame::kOperator);
  const auto token = CLV_CO_TRY(open_token());
  const auto time = time_of(*answer.json, {"auth", "lease_duration"});
  // Near its greatest time it is given ever less: then another is due.
  if (time < kLeastTime) co_return failed("gives the token no more time", Blame::kOperator);
  keep(token.reveal_text(), time, answer.json->boolean({"auth", "renewable"}).value_or(false),
       around.loop.now());
  co_return ok();
}

net::Task<Result<void>> VaultSession::log_in(const http::FetchSurroundings& around,
                                             std::optional<std::chrono::seconds>& wait) {
  const AppRole& role = options_.app_role;
  const auto role_id = CLV_CO_TRY(secrets_.read(role.role_id));
  base::SecretBytes secret_id;
  if (!role.secret_id.empty()) secret_id = CLV_CO_TRY(secrets_.read(role.secret_id));
  if (!is_printable(role_id.reveal_text()) ||
      (!role.secret_id.empty() && !is_printable(secret_id.reveal_text())))
    co_return Error(Code::kInvalid, Blame::kOperator,
                    "Vault's role_id or secret_id holds what neither may hold");
  constexpr std::size_t kAround = 64;
  auto body =
      CLV_CO_TRY(SecretBody::with_room(around.arena, kAround + 2 * (role_id.size() + secret_id.size())));
  body.add("{\"role_id\":");
  body.add_quoted(role_id.reveal_text());
  if (!secret_id.empty()) {
    body.add(",\"secret_id\":");
    body.add_quoted(secret_id.reveal_text());
  }
  body.add("}");
  const std::string path = "auth/" + role.mount + "/login";
  const auto answer = CLV_CO_TRY(co_await send(around, http::Method::kPost, path, body.text(), false, wait));
  CLV_CO_TRY_VOID(judge(answer.status));
  const auto token = answer.json ? answer.json->text({"auth", "client_token"}) : std::nullopt;
  if (!token || !is_printable(*token))
    co_return failed(fmt::format("does not log the gateway in ({})", answer.status), Blame::kOperator);
  keep(*token, time_of(*answer.json, {"auth", "lease_duration"}),
       answer.json->boolean({"auth", "renewable"}).value_or(false), around.loop.now());
  co_return ok();
}

// One that somebody else got for the gateway. Vault says how long it is good.
net::Task<Result<void>> VaultSession::take_token(const http::FetchSurroundings& around,
                                                 std::optional<std::chrono::seconds>& wait) {
  const auto token = CLV_CO_TRY(secrets_.read(options_.token));
  if (!is_printable(token.reveal_text()))
    co_return Error(Code::kInvalid, Blame::kOperator, "Vault's token holds what none may hold");
  keep(token.reveal_text(), std::chrono::seconds(0), false, around.loop.now());
  const auto answer = co_await send(around, http::Method::kGet, "auth/token/lookup-self", {}, true, wait);
  const bool is_known = answer.has_value() && answer->json;
  if (is_known) {
    keep(token.reveal_text(), time_of(*answer->json, {"data", "ttl"}),
         answer->json->boolean({"data", "renewable"}).value_or(false), around.loop.now());
    co_return ok();
  }
  token_.reset();
  if (!answer.has_value()) co_return answer.error();
  CLV_CO_TRY_VOID(judge(answer->status));
  co_return failed("does not know the token", Blame::kOperator);
}

// Whether what is refused may be granted to another token. A path that is denied is denied to each of them, and log-ins are not to be had
// for nothing: each leaves a token behind in Vault, and secret ids may be good for a few.
net::Task<bool> VaultSession::is_another_worth_it(const http::FetchSurroundings& around,
                                                  std::optional<std::chrono::seconds>& wait) {
  if (!options_.token.empty() || around.loop.now() >= next_log_in_) co_return true;
  const auto known = co_await send(around, http::Method::kGet, "auth/token/lookup-self", {}, true, wait);
  co_return known.has_value() && known->status == 403;  // not this token either: it was revoked
}

// --- Requests ------------------------------------------------------------------------------------

net::Task<Result<VaultSession::Answer>> VaultSession::call(const http::FetchSurroundings& around,
                                                           http::Method method, std::string path,
                                                           std::string body,
                                                           std::optional<std::chrono::seconds>& wait) {
  const bool had_token = token_.has_value();
  CLV_CO_TRY_VOID(co_await make_ready(around, wait));
  auto answer = CLV_CO_TRY(co_await send(around, method, path, body, true, wait));
  // A token that was good before may have been revoked since; one that is new says what there is to say.
  if (answer.status == 403 && had_token && co_await is_another_worth_it(around, wait)) {
    token_.reset();
    CLV_CO_TRY_VOID(co_await make_ready(around, wait));
    answer = CLV_CO_TRY(co_await send(around, method, path, body, true, wait));
    if (answer.status == 403) next_log_in_ = around.loop.now() + kLogInAgain;
  }
  CLV_CO_TRY_VOID(judge(answer.status));
  co_return answer;
}

}  // namespace claviger::sources
