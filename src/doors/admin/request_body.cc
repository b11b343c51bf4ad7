// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/request_body.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "base/json.h"
#include "base/parse.h"
#include "http/list.h"

namespace claviger::doors::admin {
namespace {

constexpr std::size_t kMaxHeld = std::size_t{64} << 20;  // of all bodies at once

// The bytes that a call holds in memory, counted with those of the others.
class Held {
 public:
  explicit Held(std::size_t& total) noexcept : total_(total) {}
  ~Held() { total_ -= mine_; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  bool add(std::size_t bytes) noexcept {
    if (bytes > kMaxHeld - total_) return false;
    total_ += bytes;
    mine_ += bytes;
    return true;
  }

 private:
  std::size_t& total_;
  std::size_t mine_ = 0;
};

Error too_large(std::size_t limit) {
  return Error::formatted(Code::kTooLarge, Blame::kCaller,
                          "the body of this call has at most " + std::to_string(limit) + " bytes");
}

// "application/json", with no parameter but `charset=utf-8`.
bool is_media_type(std::string_view value, std::string_view wanted) noexcept {
  const std::size_t semicolon = value.find(';');
  if (!base::equals_ignore_case(http::trim_ows(value.substr(0, semicolon)), wanted)) return false;
  if (semicolon == std::string_view::npos) return true;
  const std::string_view parameter = http::trim_ows(value.substr(semicolon + 1));
  return base::equals_ignore_case(parameter, "charset=utf-8") ||
         base::equals_ignore_case(parameter, "charset=\"utf-8\"");
}

Result<void> check_type(const http::Fields& fields, std::string_view wanted) {
  bool found = false;
  for (const http::Field& field : fields) {
    if (field.known == http::FieldName::kContentEncoding)
      return Error(Code::kBadRequest, Blame::kCaller, "send the body as it is, without a Content-Encoding");
    if (field.known != http::FieldName::kContentType) continue;
    if (found || !is_media_type(field.value, wanted)) {
      found = false;
      break;
    }
    found = true;
  }
  if (found) return ok();
  return bad_request("this call takes a body with Content-Type: " + std::string(wanted));
}

bool announces_nothing(const http::RequestHead& head) noexcept {
  return head.framing == http::Framing::kNone ||
         (head.framing == http::Framing::kLength && head.content_length == 0);
}

// Whoever waits to be asked for the body (RFC 9110 section 10.1.1) is.
net::Task<Result<void>> invite(AdminCall& call) {
  if (!call.head->expects_continue || call.caller.body_bytes() > 0) co_return ok();
  http::HeadWriter out(call.caller.head_room());
  out.append("HTTP/1.1 100 Continue\r\n\r\n");
  call.caller.wrote_interim(out.size());
  auto sent = co_await call.caller.flush();
  if (!sent.has_value()) call.caller.abort();
  co_return sent;
}

// The next piece; empty at the end. Where the caller is gone or too slow there is nobody to answer.
net::Task<Result<std::string_view>> next_piece(AdminCall& call) {
  auto piece = co_await call.caller.read_body();
  if (!piece.has_value() && piece.error().code() != Code::kBadRequest &&
      piece.error().code() != Code::kTooLarge)
    call.caller.abort();
  co_return piece;
}

net::Task<Result<std::string>> read_text(AdminCall& call, std::size_t limit, Held& held) {
  if (call.head->framing == http::Framing::kLength && call.head->content_length > limit)
    co_return too_large(limit);
  CLV_CO_TRY_VOID(co_await invite(call));
  std::string text;
  for (;;) {
    const std::string_view piece = CLV_CO_TRY(co_await next_piece(call));
    if (piece.empty()) co_return text;
    if (piece.size() > limit - text.size()) co_return too_large(limit);
    if (!held.add(piece.size()))
      co_return Error(Code::kUnavailable, Blame::kGateway,
                      "the gateway is reading too many large bodies at once; try again");
    text += piece;
  }
}

// Where the secret lies while it is read: a block that holds it, and is replaced by a larger one.
Result<void> make_room(base::SecretArena& arena, base::SecretBytes& block, std::size_t used,
                       std::size_t wanted) {
  if (wanted <= block.size()) return ok();
  const std::size_t size = std::min(std::max(wanted, block.size() * 2), kMaxSecret);
  base::SecretBytes larger = CLV_TRY(base::SecretBytes::allocate(arena, size));
  std::memcpy(larger.reveal().data(), block.reveal().data(), used);
  block = std::move(larger);
  return ok();
}

}  // namespace

Result<void> check_body_form(const http::RequestHead& head, BodyForm form) {
  if (form == BodyForm::kNone) {
    if (announces_nothing(head)) return ok();
    return Error(Code::kBadRequest, Blame::kCaller, "this call takes no body");
  }
  return check_type(head.fields, form == BodyForm::kJson ? "application/json" : "application/octet-stream");
}

net::Task<Result<base::Document>> read_json(Context& context, AdminCall& call, std::size_t limit,
                                            std::size_t max_nodes) {
  Held held(context.body_bytes);
  const std::string text = CLV_CO_TRY(co_await read_text(call, limit, held));
  auto parsed = base::parse_json(text, "", max_nodes);
  if (!parsed.has_value()) co_return bad_request(std::string(parsed.error().what()));
  co_return parsed;
}

net::Task<Result<base::SecretBytes>> read_secret(Context& context, AdminCall& call) {
  const bool announced = call.head->framing == http::Framing::kLength;
  if (announced && call.head->content_length > kMaxSecret) co_return too_large(kMaxSecret);
  if (announces_nothing(*call.head)) co_return bad_request("the body is the secret, and it is empty");
  CLV_CO_TRY_VOID(co_await invite(call));
  base::SecretArena& arena = context.services.arena;
  base::SecretBytes secret =
      CLV_CO_TRY(base::SecretBytes::allocate(arena, announced ? call.head->content_length : 4096));
  std::size_t used = 0;
  for (;;) {
    const std::string_view piece = CLV_CO_TRY(co_await next_piece(call));
    if (piece.empty()) break;
    if (piece.size() > kMaxSecret - used) co_return too_large(kMaxSecret);
    CLV_CO_TRY_VOID(make_room(arena, secret, used, used + piece.size()));
    std::memcpy(secret.reveal().data() + used, piece.data(), piece.size());
    used += piece.size();
  }
  if (used == 0) co_return bad_request("the body is the secret, and it is empty");
  secret.shrink(used);
  co_return secret;
}

}  // namespace claviger::doors::admin
