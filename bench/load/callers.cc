// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdio>
#include <deque>
#include <optional>
#include <vector>

#include "answer.h"
#include "connection.h"
#include "latencies.h"
#include "modes.h"

namespace bench {
namespace {

class Callers;

struct Caller {
  std::optional<Connection> connection;
  AnswerReader answer;
  std::deque<std::uint64_t>
      due;  // requests not answered yet, by when they should have gone; the first is under way
  bool sent = false;
};

class Callers {
 public:
  explicit Callers(const Arguments& arguments);
  int run();

 private:
  void connect(Caller& caller);
  void proceed(Caller& caller);
  void answered(Caller& caller);
  void tick();

  TlsContext context_ = make_client_context();
  Target target_;
  std::string request_;
  std::uint64_t interval_, from_, until_, next_;
  std::vector<Caller> all_;
  std::size_t turn_ = 0;
  Poller poller_;
  Timer timer_;
  Latencies latencies_;
  std::uint64_t errors_ = 0, reconnects_ = 0, unanswered_ = 0;
};

Callers::Callers(const Arguments& arguments)
    : target_(Target::from(arguments, arguments.number("tls") != 0 ? context_.get() : nullptr)),
      request_("GET " + arguments.text("path") + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
               arguments.text("key") + "\r\nAccept: application/json\r\n\r\n"),
      interval_(1'000'000'000 / arguments.number("rate")),
      all_(arguments.number("connections")) {
  const std::uint64_t now = now_ns();
  next_ = now + 50'000'000;
  from_ = now + arguments.number("warm-up") * 1'000'000;
  until_ = from_ + arguments.number("milliseconds") * 1'000'000;
}

void Callers::connect(Caller& caller) {
  caller.answer.reset();
  caller.sent = false;
  caller.connection.emplace(target_, 0);
  poller_.add(caller.connection->fd(), &caller);
}

void Callers::answered(Caller& caller) {
  const std::uint64_t due = caller.due.front(), now = now_ns();
  caller.due.pop_front();
  caller.sent = false;
  if (caller.answer.status() != 200) ++errors_;
  caller.answer.reset();
  if (due >= from_ && due < until_) latencies_.add(now - due);
}

void Callers::proceed(Caller& caller) {
  Connection& connection = *caller.connection;
  if (connection.proceed() == Connection::State::kOpen) {
    std::array<char, 16384> room;
    for (std::string_view data; !(data = connection.read(room)).empty();) {
      caller.answer.take(data);
      if (caller.sent && caller.answer.complete()) answered(caller);
    }
    if (connection.open() && !caller.sent && !caller.due.empty()) caller.sent = connection.write(request_);
  }
  if (!connection.closed()) return;
  ++reconnects_;
  connect(caller);  // what was due still is, and its time counts on
}

void Callers::tick() {
  timer_.clear();
  for (const std::uint64_t now = now_ns(); next_ <= now && next_ < until_; next_ += interval_) {
    Caller& caller = all_[turn_++ % all_.size()];
    caller.due.push_back(next_);
    if (caller.connection->open() && !caller.sent) proceed(caller);
  }
  timer_.set(next_);
}

int Callers::run() {
  for (Caller& caller : all_) connect(caller);
  poller_.add_level(timer_.fd(), this);
  timer_.set(next_);
  const std::uint64_t patience = until_ + 5'000'000'000;
  const auto waiting = [this] {
    for (const Caller& caller : all_)
      if (!caller.due.empty()) return true;
    return false;
  };
  while (now_ns() < until_ || (waiting() && now_ns() < patience))
    poller_.wait(100, [this](void* what) { what == this ? tick() : proceed(*static_cast<Caller*>(what)); });
  for (const Caller& caller : all_) {
    unanswered_ += caller.due.size();
    for (const std::uint64_t due : caller.due) latencies_.add(now_ns() - due);  // as long as this at least
  }
  std::printf("{%s,\"errors\":%lu,\"reconnects\":%lu,\"unanswered\":%lu}\n", latencies_.json().c_str(),
              errors_, reconnects_, unanswered_);
  return 0;
}

}  // namespace

int callers(const Arguments& arguments) { return Callers(arguments).run(); }

}  // namespace bench
