// SPDX-License-Identifier: Apache-2.0
#include "net/resolver.h"

#include <ares.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "net/endpoint.h"

namespace claviger::net {
namespace {

using Addresses = std::vector<base::IpAddress>;
using Answer = Result<Addresses>;

constexpr auto kMinTtl = std::chrono::seconds(1);
constexpr auto kMaxTtl = std::chrono::minutes(5);
constexpr auto kFailureTtl = std::chrono::seconds(1);
constexpr std::size_t kMaxNames = 4096;
constexpr auto kPoll = std::chrono::milliseconds(100);  // for c-ares' own time-outs, while a question is open

Error failure(int status) {
  if (status == ARES_ETIMEOUT)
    return Error(Code::kUpstreamTimeout, Blame::kUpstream, "no name server answered");
  return Error::formatted(Code::kUpstreamFailed, Blame::kUpstream,
                          std::string("the upstream's name cannot be resolved: ") + ares_strerror(status));
}

// c-ares is initialised once for each process and never torn down.
bool initialise_library() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  return status == ARES_SUCCESS;
}

}  // namespace

struct Resolver::State {
  // A socket of c-ares', watched for it.
  class Socket final : public EventHandler {
   public:
    Socket(State& state, ares_socket_t fd) noexcept : state_(&state), fd_(fd) {}
    void on_events(Events events) noexcept override {
      if (state_ == nullptr) return;
      ares_process_fd(state_->channel, events.readable ? fd_ : ARES_SOCKET_BAD,
                      events.writable ? fd_ : ARES_SOCKET_BAD);
    }
    void detach() noexcept { state_ = nullptr; }

   private:
    State* state_;
    ares_socket_t fd_;
  };

  struct Entry {
    std::optional<Answer> answer;  // none while the question is open
    Monotonic expires{};
    std::vector<std::coroutine_handle<>> waiting;
    std::size_t held = 0;  // by tasks that have a reference to this entry
  };
  struct Question {
    State* state;
    std::string name;
  };

  explicit State(Loop& loop_in) : loop(loop_in), timer(loop_in) {}
  ~State() {
    if (channel != nullptr) ares_destroy(channel);  // answers all open questions with ARES_EDESTRUCTION
    for (auto& [fd, socket] : sockets) loop.bury(std::move(socket));
  }

  void watch(ares_socket_t fd, bool readable, bool writable);
  void poll();
  void ask(const std::string& name);
  void answered(const std::string& name, int status, ares_addrinfo* info);
  void make_room();

  Loop& loop;
  ares_channel channel = nullptr;
  Timer timer;
  std::size_t open_questions = 0;
  std::unordered_map<ares_socket_t, std::unique_ptr<EventHandler>> sockets;
  std::unordered_map<std::string, Entry> names;
};

void Resolver::State::watch(ares_socket_t fd, bool readable, bool writable) {
  const auto found = sockets.find(fd);
  if (!readable && !writable) {
    if (found == sockets.end()) return;
    loop.remove(fd);
    static_cast<Socket&>(*found->second).detach();
    loop.bury(std::move(found->second));
    sockets.erase(found);
    return;
  }
  const bool is_new = found == sockets.end();
  EventHandler& handler = is_new ? *(sockets[fd] = std::make_unique<Socket>(*this, fd)) : *found->second;
  // Should this fail, the question runs into its time-out.
  (void)loop.watch(fd, readable, writable, is_new, handler);
}

void Resolver::State::poll() {
  ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  if (open_questions > 0) timer.start(kPoll, [this] { poll(); });
}

void Resolver::State::ask(const std::string& name) {
  if (open_questions++ == 0) timer.start(kPoll, [this] { poll(); });
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const auto done = [](void* context, int status, int, ares_addrinfo* info) {
    const std::unique_ptr<Question> question(static_cast<Question*>(context));
    question->state->answered(question->name, status, info);
  };
  ares_getaddrinfo(channel, name.c_str(), nullptr, &hints, done, new Question{this, name});
}

void Resolver::State::answered(const std::string& name, int status, ares_addrinfo* info) {
  --open_questions;
  Addresses addresses;
  std::chrono::seconds ttl = kMaxTtl;
  for (const ares_addrinfo_node* node = info != nullptr ? info->nodes : nullptr; node != nullptr;
       node = node->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, node->ai_addr, std::min<std::size_t>(node->ai_addrlen, sizeof storage));
    addresses.push_back(from_socket_address(storage).address);
    ttl = std::min(ttl, std::chrono::seconds(node->ai_ttl));
  }
  if (info != nullptr) ares_freeaddrinfo(info);

  Entry& entry = names[name];
  const bool found = status == ARES_SUCCESS && !addresses.empty();
  entry.answer =
      found ? Answer(std::move(addresses)) : Answer(failure(status == ARES_SUCCESS ? ARES_ENODATA : status));
  entry.expires = loop.now() + (found ? std::max<std::chrono::seconds>(ttl, kMinTtl) : kFailureTtl);
  // Later, not now: whoever is waiting may ask the next question from in here.
  for (const auto handle : std::exchange(entry.waiting, {})) loop.resume_soon(handle);
}

void Resolver::State::make_room() {
  if (names.size() < kMaxNames) return;
  std::erase_if(names,
                [](const auto& item) { return item.second.answer.has_value() && item.second.held == 0; });
}

Resolver::Resolver(std::unique_ptr<State> state) : state_(std::move(state)) {}
Resolver::~Resolver() = default;

Result<std::unique_ptr<Resolver>> Resolver::create(Loop& loop) {
  if (!initialise_library()) return Error(Code::kInternal, Blame::kGateway, "c-ares cannot be initialised");
  auto state = std::make_unique<State>(loop);
  ares_options options{};
  options.timeout = 2000;
  options.tries = 3;
  options.sock_state_cb_data = state.get();
  options.sock_state_cb = [](void* context, ares_socket_t fd, int readable, int writable) {
    static_cast<State*>(context)->watch(fd, readable != 0, writable != 0);
  };
  const int status = ares_init_options(&state->channel, &options,
                                       ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS)
    return Error::formatted(Code::kUnavailable, Blame::kOperator,
                            std::string("the resolver cannot start: ") + ares_strerror(status));
  return std::unique_ptr<Resolver>(new Resolver(std::move(state)));
}

Task<Result<std::vector<base::IpAddress>>> Resolver::resolve(std::string name) {
  if (const auto literal = base::parse_ip(name); literal.has_value()) co_return Addresses{*literal};

  struct Wait {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) const { entry.waiting.push_back(handle); }
    void await_resume() const noexcept {}
    State::Entry& entry;
  };
  State& state = *state_;
  const auto found = state.names.find(name);
  if (found != state.names.end() && found->second.answer.has_value() &&
      found->second.expires > state.loop.now())
    co_return *found->second.answer;
  state.make_room();
  State::Entry& entry = state.names[name];  // references into the map stay good while somebody waits
  const bool is_open = !entry.waiting.empty();
  if (!is_open) {
    entry.answer.reset();
    state.ask(name);
    if (entry.answer.has_value()) co_return *entry.answer;  // from the hosts file, say
  }
  ++entry.held;
  co_await Wait{entry};
  --entry.held;
  co_return *entry.answer;
}

}  // namespace claviger::net
