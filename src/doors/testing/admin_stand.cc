// SPDX-License-Identifier: Apache-2.0
#include "doors/testing/admin_stand.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/parse.h"
#include "http/serve.h"
#include "identity/api_key.h"

namespace claviger::doors::testing {
namespace {

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

WireAnswer read_answer(std::string_view text) {
  WireAnswer answer;
  const std::size_t end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || end == std::string_view::npos) return answer;
  answer.status = static_cast<unsigned>(*base::parse_decimal(text.substr(9, 3)));
  answer.head = text.substr(0, end + 2);
  answer.body = text.substr(end + 4);
  return answer;
}

}  // namespace

std::string WireAnswer::field(std::string_view name) const {
  const std::string line = fmt::format("\r\n{}: ", name);
  const std::size_t at = head.find(line);
  if (at == std::string::npos) return "";
  return head.substr(at + line.size(), head.find("\r\n", at + 2) - at - line.size());
}

AdminStand::AdminStand()
    : arena_(*base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked})),
      registry_(std::make_unique<registry::testing::FakeRegistry>(*arena_)) {
  registry_->put(R"({"kind":"principal","name":"alice","management":"admin"})");
  registry_->put(R"({"kind":"principal","name":"rita","management":"read"})");
  registry_->put(R"({"kind":"principal","name":"nora"})");
  registry_->put(R"({"kind":"principal","name":"dora","management":"admin","disabled":true})");
  registry_->put(
      R"({"kind":"upstream","name":"api","mount":"/api","base_url":"https://api.example.com","auth":{"kind":"bearer"}})");
  registry_->put(R"({"kind":"credential","name":"api-main","upstream":"api"})");
  registry_->put(
      R"({"kind":"grant","name":"alice:api","principal":"alice","upstream":"api","methods":["GET"],"paths":["/v1/**"]})");
  alice_ = make_key("alice");
  rita_ = make_key("rita");
  AdminServices plenty = services();
  plenty.rate = {1'000'000, std::chrono::seconds(60)};
  reopen(std::move(plenty));
}

AdminStand::~AdminStand() = default;

AdminServices AdminStand::services() {
  AdminAudit audit{.thread = background_};
  audit.verifier_key = [] { return std::string("claviger/test+0000fake+AAAA"); };
  audit.state = [] {
    return audit::LogState{.size = 7, .checkpointed = 5, .queued = 2, .lag = std::chrono::milliseconds(3)};
  };
  audit.last_lines = [this](std::size_t count) {
    asked_last = count;
    return piece;
  };
  audit.lines_from = [this](audit::LogPlace from, std::size_t) {
    asked_from = from;
    return piece;
  };
  audit.search = [this](const audit::SearchRequest& request) {
    asked_search = request;
    return found;
  };
  audit.last_checkpoint = [this]() -> Result<std::optional<std::string>> { return checkpoint; };
  audit.pseudonym = [](const base::IpAddress& address) { return "p-of-" + base::format_ip(address); };
  AdminServices made{.registry = registry_.get(), .arena = *arena_};
  made.append = [this](audit::Event event) { events.push_back(std::move(event).text()); };
  made.version = "1.2.3-test";
  made.security_contact = "mailto:security@example.com";
  made.master_key_id = [] { return std::string("fake-master-key-id"); };
  made.readiness = [this] { return readiness; };
  made.metrics = [] { return std::string("claviger_requests_total 1\n"); };
  made.audit.emplace(std::move(audit));
  made.record = [this](const AdminRecord& record) {
    records.push_back(fmt::format("{} {} {} {} {}", record.principal, record.key_id, record.method,
                                  record.path, record.status));
  };
  return made;
}

std::string AdminStand::make_key(const std::string& principal, const std::string& more) {
  const identity::NewApiKey key = *identity::generate_api_key(*arena_);
  registry_->put(fmt::format(R"({{"kind":"api_key","name":"{}","principal":"{}","hash":"{}"{}{}}})", key.id,
                             principal, identity::format_key_hash(key.hash), more.empty() ? "" : ",", more));
  return std::string(key.text.reveal_text());
}

net::Task<void> AdminStand::serve(std::unique_ptr<net::Stream> stream, net::Endpoint peer, bool& over) {
  http::ServerConnection connection(std::move(stream), peer, buffers_, limits_, metrics_);
  co_await http::serve(connection, *door_);
  over = true;
}

std::string AdminStand::exchange(net::Stream& far, std::string_view request, bool& over) {
  std::string answer;
  std::vector<char> room(64 << 10);
  bool ended = false;
  const bool done = run_until([&] {
    Result<std::size_t> moved{std::size_t{0}};
    while (!request.empty() && far.try_write(request.substr(0, 64 << 10), moved) == net::Stream::Io::kDone &&
           moved.has_value())
      request.remove_prefix(*moved);
    while (!ended && far.try_read(room, moved) == net::Stream::Io::kDone) {
      ended = !moved.has_value() || *moved == 0;
      if (!ended) answer.append(room.data(), *moved);
    }
    return ended || over;
  });
  CLV_CHECK(done);
  return answer;
}

WireAnswer AdminStand::send(std::string head, std::string_view body, std::string_view address) {
  replace_all(head, "$KEY", alice_);
  replace_all(head, "$READ", rita_);
  head += "Host: localhost\r\nConnection: close\r\n\r\n";
  net::testing::StreamPair pair{loop()};
  bool over = false;
  net::spawn(serve(std::move(pair.near), *net::parse_endpoint(address), over));
  const std::string answer = exchange(*pair.far, head.append(body), over);
  pair.far.reset();
  CLV_CHECK(run_until([&] { return over; }));
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  return read_answer(std::string_view(answer).substr(answer.starts_with(kContinue) ? kContinue.size() : 0));
}

WireAnswer AdminStand::call(std::string_view method, std::string_view target, std::string_view body,
                            std::string_view fields) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\nX-API-Key: $KEY\r\n{}", method, target, fields);
  if (!body.empty())
    head += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
  return send(std::move(head), body);
}

}  // namespace claviger::doors::testing
