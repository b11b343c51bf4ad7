// SPDX-License-Identifier: Apache-2.0
#include "http/fetch.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/parse.h"
#include "http/client_connection.h"
#include "http/head_writer.h"
#include "http/octets.h"

namespace claviger::http {
namespace {

constexpr HeadLimits kAnswerHead{.bytes = std::size_t{16} << 10};
constexpr std::size_t kFirstRoom = std::size_t{8} << 10;
constexpr std::size_t kMostMediaType = 64;
constexpr std::chrono::seconds kMostWait = std::chrono::days(1);
constexpr std::size_t kFieldExtra = 4;    // ": " and CR LF
constexpr std::size_t kHeadExtra = 256;  // the request line's own, and fields that are added

std::string_view name_of(Method method) noexcept {
  constexpr std::array<std::string_view, 7> kNames = {"GET",    "HEAD",  "POST",   "PUT",
                                                      "DELETE", "PATCH", "OPTIONS"};
  const auto at = static_cast<std::size_t>(method);
  return at < kNames.size() ? kNames[at] : std::string_view();
}

bool is_text(std::string_view value) noexcept {
  return find_non_text(value.data(), value.data() + value.size()) == value.data() + value.size();
}

// Names, tokens and keys get here from files and stores: none may end its field, or the head.
Result<void> check(const FetchTarget& target, const FetchRequest& request) {
  const bool is_line = !name_of(request.method).empty() && request.target.starts_with('/') &&
                       is_all(request.target, kIsTarget) && is_all(target.authority, kIsTarget);
  if (!is_line)
    return Error(Code::kInvalid, Blame::kOperator, "the request's target holds what no target may hold");
  for (const FetchField& field : request.fields) {
    if (!is_all(field.name, kIsToken) || !is_text(field.value))
      return Error(Code::kInvalid, Blame::kOperator, "a value for the request holds a control byte");
  }
  return ok();
}

bool has_framing(const FetchRequest& request) noexcept {
  return !request.body.empty() || request.method == Method::kPost || request.method == Method::kPut ||
         request.method == Method::kPatch;
}

Result<base::SecretBytes> write_head(base::SecretArena& arena, const FetchTarget& target,
                                     const FetchRequest& request) {
  CLV_TRY_VOID(check(target, request));
  std::size_t size = kHeadExtra + request.target.size() + target.authority.size();
  for (const FetchField& field : request.fields) size += field.name.size() + field.value.size() + kFieldExtra;
  auto head = CLV_TRY(base::SecretBytes::allocate(arena, size));
  const auto room = head.reveal();
  HeadWriter out({reinterpret_cast<char*>(room.data()), room.size()});
  out.append(name_of(request.method));
  out.append(' ');
  out.append(request.target);
  out.append(" HTTP/1.1\r\n");
  out.field("Host", target.authority);
  out.field("User-Agent", "claviger");
  out.field("Connection", "close");
  out.field("Accept-Encoding", "identity");
  if (has_framing(request)) out.field("Content-Length", request.body.size());
  for (const FetchField& field : request.fields) out.field(field.name, field.value);
  out.end();
  if (!out.fits())
    return Error(Code::kInternal, Blame::kGateway, "a request's head is larger than was counted");
  head.shrink(out.size());
  return head;
}

Error refused(std::string_view why) {
  return Error::formatted(Code::kUpstreamFailed, Blame::kUpstream, std::string(why));
}

Result<void> check_answer(const ResponseHead& head, std::size_t most_body) {
  if (head.minor != 1) return refused("it answers in HTTP/1.0");
  const Field* const coding = head.fields.find(FieldName::kContentEncoding);
  if (coding != nullptr && !base::equals_ignore_case(coding->value, "identity"))
    return refused("it answers in a coding that was not asked for");
  if (head.framing == Framing::kLength && head.content_length > most_body)
    return refused("its answer is too large");
  return ok();
}

// A media type alone: whatever else stands there goes nowhere.
std::string media_type(const ResponseHead& head) {
  const Field* const field = head.fields.find(FieldName::kContentType);
  if (field == nullptr) return {};
  std::string_view type = field->value.substr(0, field->value.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  if (type.size() > kMostMediaType) return {};
  std::string lower(type);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return lower;
}

std::optional<std::chrono::seconds> wait_of(const ResponseHead& head) {
  const Field* const field = head.fields.find("Retry-After");
  if (field == nullptr || !is_all(field->value, kIsDigit)) return std::nullopt;
  const auto seconds = base::parse_decimal(field->value, static_cast<std::uint64_t>(kMostWait.count()));
  return seconds.has_value() ? std::chrono::seconds(*seconds) : kMostWait;
}

// The value of the cookie of that name, as the last field that sets it has it; without the quotes it may be in.
std::string_view cookie_of(const ResponseHead& head, std::string_view name) noexcept {
  std::string_view value;
  for (const Field& field : head.fields) {
    if (field.known != FieldName::kSetCookie) continue;
    const std::string_view pair = field.value.substr(0, field.value.find(';'));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    value = pair.substr(equals + 1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    if (value.size() > 1 && value.starts_with('"') && value.ends_with('"'))
      value = value.substr(1, value.size() - 2);
  }
  return value;
}

// Arena memory that grows with what comes, not with what is promised.
class Gathering {
 public:
  Gathering(base::SecretArena& arena, std::size_t most) noexcept : arena_(arena), most_(most) {}

  Result<void> add(std::string_view piece) {
    if (piece.size() > most_ - size_) return refused("its answer is too large");
    if (piece.size() > held_.size() - size_) {
      const std::size_t wanted = std::max({kFirstRoom, 2 * held_.size(), size_ + piece.size()});
      auto larger = CLV_TRY(base::SecretBytes::allocate(arena_, std::min(wanted, most_)));
      if (size_ > 0) std::memcpy(larger.reveal().data(), held_.reveal().data(), size_);
      held_ = std::move(larger);
    }
    std::memcpy(held_.reveal().data() + size_, piece.data(), piece.size());
    size_ += piece.size();
    return ok();
  }
  base::SecretBytes take() && {
    if (size_ == 0) return {};
    held_.shrink(size_);
    return std::move(held_);
  }

 private:
  base::SecretArena& arena_;
  std::size_t most_;
  base::SecretBytes held_;
  std::size_t size_ = 0;
};

net::Task<Result<FetchAnswer>> exchange(const FetchSurroundings& around, const FetchTarget& target,
                                        FetchRequest request, FetchLimits limits) {
  const Monotonic latest = around.loop.now() + limits.total;
  const auto head = CLV_CO_TRY(write_head(around.arena, target, request));
  ClientConnection connection(
      CLV_CO_TRY(co_await net::connect(around.loop, around.resolver, target.destination, target.tls,
                                       {.all = limits.total, .tls = limits.total})),
      around.buffers);
  CLV_CO_TRY_VOID(co_await connection.send(head.reveal_text(), connection.left_until(latest)));
  if (!request.body.empty())
    CLV_CO_TRY_VOID(co_await connection.send(request.body, connection.left_until(latest)));
  CLV_CO_TRY_VOID(co_await connection.read_final_head(request.method, kAnswerHead, latest));
  CLV_CO_TRY_VOID(check_answer(connection.head(), limits.body));
  FetchAnswer answer{.status = connection.head().status,
                     .body = {},
                     .content_type = media_type(connection.head()),
                     .retry_after = wait_of(connection.head())};
  const std::string_view cookie = cookie_of(connection.head(), request.wanted_cookie);
  if (!request.wanted_cookie.empty() && !cookie.empty())
    answer.cookie = CLV_CO_TRY(base::SecretBytes::copy_of(around.arena, std::as_bytes(std::span(cookie))));
  Gathering gathering(around.arena, limits.body);
  while (!connection.body_is_done()) {
    const auto piece = CLV_CO_TRY(co_await connection.read_body(connection.left_until(latest)));
    if (!piece.empty()) CLV_CO_TRY_VOID(gathering.add(piece));
  }
  answer.body = std::move(gathering).take();
  connection.stream().shutdown_write();
  co_return answer;
}

}  // namespace

net::Task<Result<FetchAnswer>> fetch(const FetchSurroundings& around, FetchTarget target,
                                     FetchRequest request, FetchLimits limits) {
  auto answer = co_await exchange(around, target, request, limits);
  if (!answer.has_value()) co_return answer.error().within(target.authority);
  co_return answer;
}

}  // namespace claviger::http
