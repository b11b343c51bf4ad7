// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <vector>

#include "connection.h"
#include "modes.h"

namespace bench {
namespace {

constexpr std::uint64_t kTick = 10'000'000;  // ns
constexpr std::size_t kTicksPerSecond = 100;

// As a client's first flight has it, but for its second half.
std::string half_a_hello(SSL_CTX* context) {
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context), SSL_free);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_tlsext_host_name(ssl.get(), "localhost");
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  if (size <= 0) die("no ClientHello");
  return {bytes, static_cast<std::size_t>(size) / 2};
}

struct Attacker {
  std::optional<Connection> connection;
  bool begun = false;  // the first bytes are out
};

class Attackers {
 public:
  explicit Attackers(const Arguments& arguments);
  int run();

 private:
  enum class Kind : std::uint8_t { kSlow, kSilent, kHello };

  void open(Attacker& attacker);
  void proceed(Attacker& attacker);
  void tick();
  void drip();

  TlsContext context_ = make_client_context();
  Kind kind_;
  Target target_;
  std::string first_;  // what each sends at once
  std::vector<Attacker> all_;
  std::size_t per_tick_, turn_ = 0, ticks_ = 0;
  Poller poller_;
  Timer timer_;
  std::uint64_t next_ = now_ns() + kTick;
  std::uint64_t opened_ = 0, begun_ = 0, dropped_ = 0;
  bool told_ = false, ended_ = false;
};

Attackers::Attackers(const Arguments& arguments)
    : all_(arguments.number("connections")),
      per_tick_(std::max<std::size_t>(1, arguments.number("rate") / kTicksPerSecond)) {
  const std::string& kind = arguments.text("kind");
  if (kind == "slow") {
    kind_ = Kind::kSlow;
    first_ = "GET " + arguments.text("path") + " HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
  } else {
    kind_ = kind == "hello" ? Kind::kHello : Kind::kSilent;
    if (kind_ == Kind::kHello) first_ = half_a_hello(context_.get());
  }
  const bool shakes = kind_ == Kind::kSlow && arguments.number("tls") != 0;
  target_ = Target::from(arguments, shakes ? context_.get() : nullptr);
}

void Attackers::open(Attacker& attacker) {
  attacker.begun = false;
  attacker.connection.emplace(target_, opened_++);
  poller_.add(attacker.connection->fd(), &attacker);
}

void Attackers::proceed(Attacker& attacker) {
  if (!attacker.connection.has_value()) return;
  Connection& connection = *attacker.connection;
  if (connection.proceed() == Connection::State::kOpen && !attacker.begun) {
    attacker.begun = first_.empty() || connection.write(first_);
    ++begun_;
  }
  std::array<char, 4096> room;
  while (connection.open() && !connection.read(room).empty()) {
  }
  if (!connection.closed()) return;
  ++dropped_;
  attacker.connection.reset();
}

void Attackers::drip() {
  for (std::size_t i = ticks_ % kTicksPerSecond; i < all_.size(); i += kTicksPerSecond) {
    Attacker& attacker = all_[i];
    if (attacker.begun && attacker.connection.has_value() && attacker.connection->open())
      attacker.connection->write("a");
  }
}

// A flood goes round and replaces; what is slow stays, and only what the gateway dropped comes again.
void Attackers::tick() {
  timer_.clear();
  for (const std::uint64_t now = now_ns(); next_ <= now; next_ += kTick, ++ticks_) {
    std::size_t left = per_tick_;
    for (std::size_t looked = 0; left > 0 && looked < all_.size(); ++looked) {
      Attacker& attacker = all_[turn_++ % all_.size()];
      if (kind_ == Kind::kSlow && attacker.connection.has_value()) continue;
      open(attacker);
      --left;
    }
    if (kind_ == Kind::kSlow) drip();
  }
  timer_.set(next_);
  if (told_ || begun_ + dropped_ < all_.size()) return;
  told_ = true;
  std::printf("{\"ready\":%lu}\n", begun_);
  std::fflush(stdout);
}

int Attackers::run() {
  poller_.add_level(STDIN_FILENO, &ended_);
  poller_.add_level(timer_.fd(), &timer_);
  timer_.set(next_);
  while (!ended_) {
    poller_.wait(1000, [this](void* what) {
      if (what == &ended_) {
        ended_ = true;
      } else if (what == &timer_) {
        tick();
      } else {
        proceed(*static_cast<Attacker*>(what));
      }
    });
  }
  const auto held =
      std::ranges::count_if(all_, [](const Attacker& each) { return each.connection.has_value(); });
  std::printf("{\"opened\":%lu,\"dropped\":%lu,\"held\":%td}\n", opened_, dropped_, held);
  return 0;
}

}  // namespace

int attack(const Arguments& arguments) { return Attackers(arguments).run(); }

}  // namespace bench
