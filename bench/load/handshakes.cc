// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdio>
#include <optional>
#include <vector>

#include "connection.h"
#include "modes.h"

namespace bench {
namespace {

using Session = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

struct Shaker {
  std::optional<Connection> connection;
  bool ticket = false;  // this connection's has come
};

// Shared by all: a ticket may be used more than once, as a browser's connections do.
struct Shakers {
  Target target;
  bool resume = false;
  Session newest{nullptr, SSL_SESSION_free};
  Poller poller;
  std::uint64_t started = 0, full = 0, resumed = 0, failed = 0;

  void start(Shaker& shaker) {
    shaker.ticket = false;
    const Session copy(resume && newest != nullptr ? SSL_SESSION_dup(newest.get()) : nullptr,
                       SSL_SESSION_free);
    shaker.connection.emplace(target, started++, copy.get());
    SSL_set_app_data(shaker.connection->ssl(), &shaker);
    poller.add(shaker.connection->fd(), &shaker);
  }
  void proceed(Shaker& shaker);
};

int take_ticket(SSL* ssl, SSL_SESSION* session) {
  auto* shakers = static_cast<Shakers*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  static_cast<Shaker*>(SSL_get_app_data(ssl))->ticket = true;
  // Copies, here and there: what befalls a connection may make its session unfit.
  if (shakers->resume) shakers->newest.reset(SSL_SESSION_dup(session));
  return 0;
}

void Shakers::proceed(Shaker& shaker) {
  Connection& connection = *shaker.connection;
  const bool had_ticket = shaker.ticket;
  connection.proceed();
  std::array<char, 4096> room;
  while (connection.open() && !connection.read(room).empty()) {
  }
  if (shaker.ticket && !had_ticket) {
    ++(connection.resumed() ? resumed : full);
    connection.finish();
  }
  if (!connection.closed()) return;
  if (!shaker.ticket) ++failed;
  start(shaker);
}

}  // namespace

int handshakes(const Arguments& arguments) {
  const TlsContext context = make_client_context();
  Shakers shakers;
  SSL_CTX_set_app_data(context.get(), &shakers);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), take_ticket);
  shakers.target = Target::from(arguments, context.get());
  shakers.resume = arguments.number_or("resumed", 0) != 0;

  std::vector<Shaker> all(arguments.number("connections"));
  const std::uint64_t until = now_ns() + arguments.number("milliseconds") * 1'000'000;
  // The first ticket comes from a full handshake, before the others start.
  shakers.start(all.front());
  while (shakers.resume && shakers.newest == nullptr && now_ns() < until)
    shakers.poller.wait(100, [&](void* what) { shakers.proceed(*static_cast<Shaker*>(what)); });
  for (Shaker& shaker : all)
    if (!shaker.connection.has_value()) shakers.start(shaker);
  while (now_ns() < until)
    shakers.poller.wait(100, [&](void* what) { shakers.proceed(*static_cast<Shaker*>(what)); });
  std::printf("{\"full\":%lu,\"resumed\":%lu,\"failed\":%lu}\n", shakers.full, shakers.resumed,
              shakers.failed);
  return 0;
}

}  // namespace bench
