// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>
#include <vector>

#include "answer.h"
#include "connection.h"
#include "modes.h"

namespace bench {
namespace {

constexpr std::size_t kAtOnce = 32;  // connections being set up

struct Idler {
  std::optional<Connection> connection;
  AnswerReader answer;
  bool asked = false;
};

class Idlers {
 public:
  explicit Idlers(const Arguments& arguments)
      : target_(Target::from(arguments, arguments.number("tls") != 0 ? context_.get() : nullptr)),
        request_("GET " + arguments.text("path") + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                 arguments.text("key") + "\r\n\r\n"),
        all_(arguments.number("connections")) {}

  int run() {
    poller_.add_level(STDIN_FILENO, this);
    while (started_ < all_.size() && started_ < kAtOnce) start();
    while (!ended_) {
      poller_.wait(1000, [this](void* what) {
        if (what == this) {
          ended_ = true;
        } else {
          proceed(*static_cast<Idler*>(what));
        }
      });
    }
    std::printf("{\"lost\":%zu}\n", lost_);
    return 0;
  }

 private:
  void start() {
    Idler& idler = all_[started_];
    idler.connection.emplace(target_, started_++);
    poller_.add(idler.connection->fd(), &idler);
  }

  void proceed(Idler& idler) {
    Connection& connection = *idler.connection;
    if (connection.closed()) return;
    if (connection.proceed() == Connection::State::kOpen && !idler.asked)
      idler.asked = connection.write(request_);
    const bool was_answered = idler.answer.complete();
    std::array<char, 16384> room;
    for (std::string_view data; connection.open() && !(data = connection.read(room)).empty();)
      idler.answer.take(data);
    if (connection.closed() && !idler.answer.complete()) die("a connection was closed before its answer");
    if (connection.closed()) ++lost_;
    if (was_answered || !idler.answer.complete()) return;
    if (idler.answer.status() != 200)
      die("an answer was not 200 but " + std::to_string(idler.answer.status()));
    if (started_ < all_.size()) start();
    if (++answered_ < all_.size()) return;
    std::printf("{\"ready\":%zu}\n", answered_);
    std::fflush(stdout);
  }

  TlsContext context_ = make_client_context();
  Target target_;
  std::string request_;
  std::vector<Idler> all_;
  Poller poller_;
  std::size_t started_ = 0, answered_ = 0, lost_ = 0;
  bool ended_ = false;
};

}  // namespace

int idle(const Arguments& arguments) { return Idlers(arguments).run(); }

}  // namespace bench
