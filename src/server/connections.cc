// SPDX-License-Identifier: Apache-2.0
#include "server/connections.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace claviger::server {

using telemetry::Counter;
using telemetry::Gauge;

namespace {

constexpr auto kLastHandshake = std::chrono::seconds(1);
constexpr int kMostLooks = 64;  // for one that is idle: an accept must not cost more than that

Counter counter_of(Admission::Verdict why) noexcept {
  return why == Admission::Verdict::kFullOfAddress ? Counter::kLimitConnectionsPerAddress
                                                   : Counter::kLimitConnections;
}

}  // namespace

// --- A connection --------------------------------------------------------------------------------

void Connections::Link::unlink() noexcept {
  previous->next = next;
  next->previous = previous;
  previous = next = this;
}

void Connections::Link::link_before(Link& other) noexcept {
  unlink();
  previous = other.previous;
  next = &other;
  previous->next = next->previous = this;
}

// From accept to close: in the rings of strangers, then in that of the known or, told to go, of the leaving.
class Connections::Entry final : public Link, public http::ConnectionWatcher {
 public:
  Entry(Connections& owner, int fd, const base::IpAddress& address)
      : owner_(owner), fd_(fd), address_(address), of_address_(*this) {
    Strangers& same = owner_.strangers_of_[Admission::key_of(address)];
    of_address_.link_before(same.ring);
    ++same.count;
    link_before(owner_.strangers_.ring);
    ++owner_.strangers_.count;
    owner_.admission_.opened();
  }
  ~Entry() {
    if (is_among_strangers()) leave_strangers();
    owner_.admission_.let_go(address_, is_stranger_);
  }

  void serves(http::ServerConnection& connection) noexcept {
    connection_ = &connection;
    connection.watch(this);
  }
  void on_vouched() noexcept override {
    if (is_among_strangers()) leave_strangers();
    is_stranger_ = false;
    if (!is_leaving_) link_before(owner_.known_);
    const Admission::Verdict verdict = owner_.admission_.vouched(address_);
    if (verdict == Admission::Verdict::kAdmitted) return;
    if (Entry* idle = owner_.find_idle(verdict, address_); idle != nullptr) owner_.turn_out(*idle);
  }
  void on_idle() noexcept override {
    if (!is_stranger_ && !is_leaving_) link_before(owner_.known_);
  }

  bool is_of(const base::IpAddress& address) const noexcept {
    return Admission::key_of(address_) == Admission::key_of(address);
  }
  bool is_idle() const noexcept { return connection_ != nullptr && connection_->is_idle(); }
  // Ends it soon, whatever it does: its own task sees the connection break.
  void turn_out() noexcept {
    if (is_among_strangers()) leave_strangers();
    is_leaving_ = true;
    link_before(owner_.leaving_);
    ::shutdown(fd_, SHUT_RDWR);
  }
  void stop_when_idle() noexcept {
    if (connection_ != nullptr) connection_->stop_when_idle();  // else when hands are shaken: see serve()
  }
  void stop_handshake() noexcept {
    if (connection_ == nullptr) turn_out();
  }
  void cancel() noexcept {
    if (connection_ != nullptr) connection_->cancel();
    else turn_out();
  }
  void back_in_line() noexcept {
    link_before(is_leaving_ ? owner_.leaving_ : is_stranger_ ? owner_.strangers_.ring : owner_.known_);
  }

  // Its place among strangers of its address.
  struct OfAddress final : Link {
    explicit OfAddress(Entry& whose) noexcept : entry(whose) {}
    Entry& entry;
  };
  static Entry& of(Link& link) noexcept { return static_cast<OfAddress&>(link).entry; }

 private:
  bool is_among_strangers() const noexcept { return is_stranger_ && !is_leaving_; }
  void leave_strangers() noexcept {
    --owner_.strangers_.count;
    of_address_.unlink();
    const auto same = owner_.strangers_of_.find(Admission::key_of(address_));
    if (--same->second.count == 0) owner_.strangers_of_.erase(same);
  }

  Connections& owner_;
  int fd_;  // its stream's, which is closed no sooner than this is told
  base::IpAddress address_;
  OfAddress of_address_;
  http::ServerConnection* connection_ = nullptr;  // null while hands are shaken
  bool is_stranger_ = true;
  bool is_leaving_ = false;
};

// --- All -----------------------------------------------------------------------------------------

Connections::Connections(net::Loop& loop, net::BufferPool& buffers, telemetry::WorkerMetrics& metrics,
                         http::Handler& door, Options options)
    : loop_(loop),
      late_(loop),
      buffers_(buffers),
      metrics_(metrics),
      door_(door),
      limits_(std::move(options.limits)),
      admission_(options.admission),
      yields_(options.yields),
      recorded_address_(std::move(options.recorded_address)) {}

Connections::~Connections() = default;

Result<void> Connections::listen(int listening_fd, std::shared_ptr<const net::ServerTls> tls) {
  tls_ = std::move(tls);
  acceptor_ = CLV_TRY(net::Acceptor::create(
      loop_, listening_fd, [this](int fd, const net::Endpoint& peer) { on_accept(fd, peer); }));
  return ok();
}

// The known one that has been idle for longest; of an address, where that is what is full. Busy ones met on the way go to the end, so
// that another look begins with others.
Connections::Entry* Connections::find_idle(Admission::Verdict why, const base::IpAddress& address) noexcept {
  Link* link = known_.next;
  for (int looks = 0; link != &known_ && looks < kMostLooks; ++looks) {
    auto* entry = static_cast<Entry*>(std::exchange(link, link->next));
    if (!entry->is_idle()) entry->link_before(known_);
    else if (why != Admission::Verdict::kFullOfAddress || entry->is_of(address)) return entry;
  }
  return nullptr;
}

void Connections::turn_out(Entry& entry) noexcept {
  entry.turn_out();
  metrics_.add(Counter::kConnectionsTurnedOut);
}

// It goes when the new one is vouched for: see Entry::on_vouched().
bool Connections::has_room_for_known(const base::IpAddress& address) {
  const Admission::Verdict verdict = admission_.ask(address);
  if (verdict == Admission::Verdict::kAdmitted) return true;
  metrics_.add(counter_of(verdict));
  return yields_ == Yields::kStrangersAndIdle && find_idle(verdict, address) != nullptr;
}

bool Connections::has_room_for_stranger(const base::IpAddress& address) {
  const auto same = strangers_of_.find(Admission::key_of(address));
  const bool is_full_of_address =
      same != strangers_of_.end() && same->second.count >= admission_.most_strangers_of_address();
  if (!is_full_of_address && strangers_.count < admission_.most_strangers()) return true;
  metrics_.add(is_full_of_address ? Counter::kLimitConnectionsPerAddress : Counter::kLimitStrangers);
  if (yields_ == Yields::kNobody) return false;
  turn_out(is_full_of_address ? Entry::of(*same->second.ring.next)
                              : *static_cast<Entry*>(strangers_.ring.next));
  return true;
}

bool Connections::may_come_in(const base::IpAddress& address) {
  return has_room_for_known(address) && has_room_for_stranger(address);
}

void Connections::on_accept(int fd, const net::Endpoint& peer) {
  if (!may_come_in(peer.address)) {
    metrics_.add(Counter::kConnectionsRefused);
    ::close(fd);
    return;
  }
  metrics_.add(Counter::kConnectionsAccepted);
  metrics_.add(Gauge::kConnectionsOpen, 1);
  ++open_;
  net::spawn(serve(fd, peer));
}

net::Task<Result<std::unique_ptr<net::Stream>>> Connections::open_stream(int fd) {
  if (!tls_) co_return net::make_tcp_stream(loop_, fd);
  auto stream = co_await net::accept_tls(loop_, fd, tls_, loop_.now() + limits_->head_timeout);
  if (!stream.has_value() && stream.error().code() == Code::kTimeout)
    metrics_.add(Counter::kLimitTlsHandshake);
  co_return stream;
}

net::Task<void> Connections::serve(int fd, net::Endpoint peer) {
  {
    Entry entry(*this, fd, peer.address);
    auto stream = co_await open_stream(fd);
    if (stream.has_value()) {
      http::ServerConnection connection(*std::move(stream), peer, buffers_, limits_, metrics_);
      if (recorded_address_) connection.record_peer_as(recorded_address_(peer.address));
      entry.serves(connection);
      if (draining_) connection.stop_when_idle();
      co_await http::serve(connection, door_);
    }
  }
  closed();
}

void Connections::closed() {
  --open_;
  metrics_.add(Gauge::kConnectionsOpen, -1);
  tell_if_drained();
}

// Ending one may end others, so each is looked up anew.
template <class Do>
void Connections::for_each(Do&& act) {
  Link all;
  for (Link* ring : {&strangers_.ring, &known_, &leaving_})
    while (!ring->is_alone()) ring->next->link_before(all);
  while (!all.is_alone()) {
    auto* entry = static_cast<Entry*>(all.next);
    entry->back_in_line();
    act(*entry);
  }
}

void Connections::pause() {
  if (acceptor_) acceptor_->pause();
  while (yields_ != Yields::kNobody && !strangers_.ring.is_alone())
    turn_out(*static_cast<Entry*>(strangers_.ring.next));
}

void Connections::resume() {
  if (acceptor_) acceptor_->resume();
}

void Connections::drain(std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  for_each([](Entry& entry) { entry.stop_when_idle(); });
  acceptor_->finish([this] {
    acceptor_.reset();
    tell_if_drained();
  });
  // Who shakes hands may finish; who only began to, and says no more, keeps nobody from going.
  late_.start(kLastHandshake, [this] { for_each([](Entry& entry) { entry.stop_handshake(); }); });
}

void Connections::tell_if_drained() {
  if (open_ == 0 && !acceptor_ && drained_) loop_.post(std::exchange(drained_, nullptr));
}

void Connections::cancel_all() noexcept {
  for_each([](Entry& entry) { entry.cancel(); });
}

}  // namespace claviger::server
