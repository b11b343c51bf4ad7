// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/visit.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/ip.h"
#include "base/parse.h"
#include "http/head_writer.h"
#include "http/problem.h"

namespace claviger::doors::externaldns {
namespace {

constexpr std::size_t kSlice = std::size_t{64} << 10;
constexpr std::uint32_t kRetryAfter = 5;  // seconds

// Whoever waits to be asked for the body (RFC 9110 section 10.1.1) is.
net::Task<Result<void>> invite(Visit& visit) {
  if (!visit.head->expects_continue || visit.caller.body_bytes() > 0) co_return ok();
  http::HeadWriter out(visit.caller.head_room());
  out.append("HTTP/1.1 100 Continue\r\n\r\n");
  visit.caller.wrote_interim(out.size());
  co_return co_await visit.caller.flush();
}

Error late() { return Error(Code::kTimeout, Blame::kCaller, "the request's body took too long to come"); }

// "Sun, 06 Nov 1994 08:49:37 GMT", of the visit.
std::array<char, 29> date_of(const Visit& visit) {
  std::array<char, 29> date;
  http::format_http_date(std::chrono::floor<std::chrono::seconds>(visit.wall).time_since_epoch().count(),
                         date);
  return date;
}

net::Task<void> send(Visit& visit, std::string_view body) {
  Result<void> sent = ok();
  while (!body.empty() && sent.has_value()) {
    const std::string_view slice = body.substr(0, kSlice);
    body.remove_prefix(slice.size());
    sent = co_await visit.caller.write(slice);
  }
  if (sent.has_value()) sent = co_await visit.caller.flush();
  if (!sent.has_value()) visit.caller.abort();
}

}  // namespace

net::Task<Result<std::string>> read_body(Visit& visit, std::size_t most, Monotonic latest) {
  const net::Loop& loop = visit.caller.stream().loop();
  CLV_CO_TRY_VOID(co_await invite(visit));
  std::string body;
  bool is_too_large = false;
  if (visit.head->framing == http::Framing::kLength && visit.head->content_length <= most)
    body.reserve(visit.head->content_length);
  for (;;) {
    const std::string_view piece = CLV_CO_TRY(co_await visit.caller.read_body());
    if (piece.empty()) break;
    if (loop.clock().monotonic() > latest) co_return late();
    is_too_large = is_too_large || piece.size() > most - body.size();
    if (!is_too_large) body += piece;
  }
  if (!is_too_large) co_return body;
  co_return Error::formatted(Code::kTooLarge, Blame::kCaller,
                             "the request's body is larger than " + std::to_string(most) + " bytes");
}

net::Task<void> read_away(Visit& visit, Monotonic latest) {
  if (visit.caller.body_is_done() || visit.caller.is_aborted()) co_return;
  if (visit.caller.stream().loop().now() >= latest) co_return visit.caller.close_after_answer();
  const auto rest = co_await read_body(visit, 0, latest);
  if (rest.has_value() || rest.error().code() == Code::kTooLarge) co_return;
  visit.caller.close_after_answer();
}

net::Task<void> write_answer(Visit& visit, unsigned status, std::string_view type, std::string_view body) {
  http::HeadWriter out(visit.caller.head_room());
  const std::array<char, 29> date = date_of(visit);
  out.status_line(status, "");
  if (status != 204) {
    out.field("Content-Type", type);
    out.field("Content-Length", body.size());
  }
  out.field("Date", {date.data(), date.size()});
  out.field("X-Request-Id", visit.id());
  http::write_security_headers(out, visit.caller.is_tls());
  if (!visit.caller.keeps_alive()) out.field("Connection", "close");
  out.end();
  visit.caller.wrote(out.size());
  visit.status = status;
  const bool head_only = status == 204 || visit.head->method == http::Method::kHead;
  co_await send(visit, head_only ? std::string_view() : body);
}

net::Task<void> write_refusal(Visit& visit, unsigned status, const Error& error) {
  if (visit.caller.is_aborted() || visit.caller.answer_began()) co_return visit.caller.abort();
  http::HeadWriter out(visit.caller.head_room());
  const std::array<char, 29> date = date_of(visit);
  http::write_problem(out, error, visit.id(), {date.data(), date.size()},
                      {.status = status,
                       .retry_after_seconds = status == 503 ? kRetryAfter : 0,
                       .close = !visit.caller.keeps_alive(),
                       .head_only = visit.head != nullptr && visit.head->method == http::Method::kHead,
                       .for_operator = true,
                       .tls = visit.caller.is_tls()});
  visit.caller.wrote(out.size());
  visit.status = status;
  co_await send(visit, {});
}

bool names_this_machine(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  if (has_port) host = host.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return base::equals_ignore_case(host, "localhost") || base::parse_ip(host).has_value();
}

}  // namespace claviger::doors::externaldns
