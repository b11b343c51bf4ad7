// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/health_door.h"

#include <chrono>
#include <utility>

#include "doors/externaldns/visit.h"

namespace claviger::doors::externaldns {
namespace {

constexpr std::chrono::seconds kPageLasts{1};
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";

bool is_reading(http::Method method) noexcept {
  return method == http::Method::kGet || method == http::Method::kHead;
}

}  // namespace

// Putting it together is the control thread's work, and asking is free: it is done once a second at the most.
std::shared_ptr<const std::string> HealthDoor::metrics_page(Monotonic now) {
  if (page_ == nullptr || now - page_made_ >= kPageLasts) {
    page_ = std::make_shared<const std::string>(services_.metrics());
    page_made_ = now;
  }
  return page_;
}

net::Task<void> HealthDoor::answer(Visit& visit) {
  if (visit.head->path == "/metrics") {
    const auto page = metrics_page(visit.began);
    co_return co_await write_answer(visit, 200, kMetrics, *page);
  }
  if (visit.head->path == "/healthz") {
    if (services_.is_alive()) co_return co_await write_answer(visit, 200, kText, "ok\n");
    co_return co_await write_answer(visit, 503, kText, "the door's thread hangs\n");
  }
  const std::string why_not = services_.why_not_ready();
  if (why_not.empty()) co_return co_await write_answer(visit, 200, kText, "ready\n");
  const std::string body = "not ready: " + why_not + "\n";
  co_await write_answer(visit, 503, kText, body);
}

net::Task<void> HealthDoor::handle(http::ServerConnection& caller) {
  net::Loop& loop = caller.stream().loop();
  Visit visit{.caller = caller,
              .head = &caller.head(),
              .request_id = request_ids_.next(),
              .wall = loop.wall_now(),
              .began = loop.now()};
  const std::string_view path = visit.head->path;
  if (visit.head->minor == 0) caller.close_after_answer();
  if (services_.is_on_loopback && !names_this_machine(visit.head->host))
    co_return co_await write_refusal(
        visit, 403,
        Error(Code::kDenied, Blame::kCaller,
              "Host has to be an address, or localhost: a browser on this machine may say any other"));
  if (path != "/healthz" && path != "/readyz" && path != "/metrics")
    co_return co_await write_refusal(
        visit, 404, Error(Code::kNoResource, Blame::kCaller, "there are /healthz, /readyz and /metrics"));
  if (!is_reading(visit.head->method))
    co_return co_await write_refusal(
        visit, 405, Error(Code::kMethodNotAllowed, Blame::kCaller, "this is for GET and HEAD"));
  co_await answer(visit);
}

net::Task<void> HealthDoor::refuse(http::ServerConnection& caller, Error error) {
  net::Loop& loop = caller.stream().loop();
  Visit visit{
      .caller = caller, .request_id = request_ids_.next(), .wall = loop.wall_now(), .began = loop.now()};
  co_await write_refusal(visit, 400, error);
}

}  // namespace claviger::doors::externaldns
