// SPDX-License-Identifier: Apache-2.0
#include "net/dns_client.h"

#include <ares.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "net/endpoint.h"

namespace claviger::net {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(100);  // for c-ares' own time-outs, while a question is open
constexpr auto kLookAtFile = std::chrono::seconds(2);

// c-ares is initialised once for each process and never torn down.
bool initialise_library() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  return status == ARES_SUCCESS;
}

DnsOutcome outcome_of(int status) noexcept {
  switch (status) {
    case ARES_SUCCESS:
      return DnsOutcome::kFound;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
      return DnsOutcome::kNoSuchName;
    case ARES_ENODATA:
      return DnsOutcome::kNoAddress;
    case ARES_ETIMEOUT:
      return DnsOutcome::kTimeout;
    default:
      return DnsOutcome::kFailed;
  }
}

// A server may answer in another case than it was asked in.
bool is_same_name(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char one, char other) { return lower(one) == lower(other); });
}

// Takes over `info`.
DnsAnswer read_answer(int status, ares_addrinfo* info) {
  DnsAnswer answer;
  std::array<std::size_t, 2> counts{};
  int ttl = INT_MAX;
  for (const ares_addrinfo_node* node = info != nullptr ? info->nodes : nullptr; node != nullptr;
       node = node->ai_next) {
    if (counts[node->ai_family == AF_INET6 ? 1 : 0]++ >= kMaxDnsAddresses) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, node->ai_addr, std::min<std::size_t>(node->ai_addrlen, sizeof storage));
    answer.addresses.push_back(from_socket_address(storage).address);
    ttl = std::min(ttl, node->ai_ttl);  // below 0: 2^31 and more, which RFC 2181 section 8 reads as 0
  }
  if (info != nullptr) ares_freeaddrinfo(info);
  if (status == ARES_SUCCESS && answer.addresses.empty()) status = ARES_ENODATA;
  answer.outcome = outcome_of(status);
  answer.reason = ares_strerror(status);
  answer.ttl = std::chrono::seconds(std::max(ttl, 0));
  return answer;
}

}  // namespace

// --- The file ------------------------------------------------------------------------------------

struct DnsClient::Stamp {
  // A file that cannot be seen has no stamp: what is known of the last one serves on.
  static std::unique_ptr<Stamp> of(const std::string& path) {
    struct stat at{};
    if (::stat(path.c_str(), &at) != 0) return nullptr;
    return std::make_unique<Stamp>(Stamp{at.st_dev, at.st_ino, at.st_size, at.st_mtim.tv_sec,
                                         at.st_mtim.tv_nsec, at.st_ctim.tv_sec, at.st_ctim.tv_nsec});
  }
  bool operator==(const Stamp&) const = default;

  dev_t device;
  ino_t inode;
  off_t size;
  time_t modified, modified_ns, changed, changed_ns;
};

// --- One channel ---------------------------------------------------------------------------------

class DnsClient::Channel {
 public:
  explicit Channel(DnsClient& client) noexcept : client_(client), timer_(client.loop_) {}
  ~Channel() {
    if (ares_ != nullptr) ares_destroy(ares_);  // answers all open questions with ARES_EDESTRUCTION
    for (auto& [fd, socket] : sockets_) {
      client_.loop_.remove(fd);
      static_cast<Socket&>(*socket).detach();
      client_.loop_.bury(std::move(socket));
    }
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // `lookups`: "f" for the hosts file, "b" for DNS.
  Result<void> open(const ResolverOptions& options, const char* lookups);
  void ask(const std::string& name, bool v6);
  DnsAnswer look_up_now(const std::string& name);
  void leave() noexcept { leaving_ = true; }
  bool is_idle() const noexcept { return open_questions_ == 0; }

 private:
  // A socket of c-ares', watched for it.
  class Socket final : public EventHandler {
   public:
    Socket(Channel& channel, ares_socket_t fd) noexcept : channel_(&channel), fd_(fd) {}
    void on_events(Events events) noexcept override {
      if (channel_ == nullptr) return;
      ares_process_fd(channel_->ares_, events.readable ? fd_ : ARES_SOCKET_BAD,
                      events.writable ? fd_ : ARES_SOCKET_BAD);
    }
    void detach() noexcept { channel_ = nullptr; }

   private:
    Channel* channel_;
    ares_socket_t fd_;
  };
  struct Question {
    Channel* channel;
    std::string name;
    bool v6;
  };
  void watch(ares_socket_t fd, bool readable, bool writable);
  void poll();
  void note_search_list();
  std::size_t place_of(const std::string& name, std::string_view answered) const;

  DnsClient& client_;
  ares_channel ares_ = nullptr;
  Timer timer_;
  std::size_t open_questions_ = 0;
  bool leaving_ = false;
  int ndots_ = 1;
  std::vector<std::string> domains_;  // to search
  std::unordered_map<ares_socket_t, std::unique_ptr<EventHandler>> sockets_;
};

Result<void> DnsClient::Channel::open(const ResolverOptions& options, const char* lookups) {
  std::string path = options.resolv_conf;
  std::string order = lookups;
  ares_options settings{};
  settings.timeout = static_cast<int>(options.try_timeout.count());
  settings.tries = options.tries;
  settings.udp_port = settings.tcp_port = options.port;
  settings.lookups = order.data();
  settings.resolvconf_path = path.data();
  settings.sock_state_cb_data = this;
  settings.sock_state_cb = [](void* context, ares_socket_t fd, int readable, int writable) {
    static_cast<Channel*>(context)->watch(fd, readable != 0, writable != 0);
  };
  const int status =
      ares_init_options(&ares_, &settings,
                        ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT |
                            ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB);
  if (status == ARES_SUCCESS) {
    note_search_list();
    return ok();
  }
  ares_ = nullptr;
  return Error::formatted(Code::kUnavailable, Blame::kOperator,
                          std::string("the resolver cannot start: ") + ares_strerror(status));
}

void DnsClient::Channel::note_search_list() {
  ares_options settings{};
  int which = 0;
  if (ares_save_options(ares_, &settings, &which) == ARES_SUCCESS) {
    ndots_ = settings.ndots;
    for (int i = 0; i < settings.ndomains; ++i) domains_.emplace_back(settings.domains[i]);
  }
  ares_destroy_options(&settings);
}

// In the order in which c-ares asks: with enough dots the name as it is comes first, else last.
std::size_t DnsClient::Channel::place_of(const std::string& name, std::string_view answered) const {
  const bool as_it_is_first = std::count(name.begin(), name.end(), '.') >= ndots_;
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    if (is_same_name(answered, name + "." + domains_[i])) return i + (as_it_is_first ? 1 : 0);
  }
  return as_it_is_first ? 0 : domains_.size();
}

void DnsClient::Channel::watch(ares_socket_t fd, bool readable, bool writable) {
  const auto found = sockets_.find(fd);
  if (!readable && !writable) {
    if (found == sockets_.end()) return;
    client_.loop_.remove(fd);
    static_cast<Socket&>(*found->second).detach();
    client_.loop_.bury(std::move(found->second));
    sockets_.erase(found);
    return;
  }
  const bool is_new = found == sockets_.end();
  EventHandler& handler = is_new ? *(sockets_[fd] = std::make_unique<Socket>(*this, fd)) : *found->second;
  // Should this fail, the question runs into its time-out.
  (void)client_.loop_.watch(fd, readable, writable, is_new, handler);
}

void DnsClient::Channel::poll() {
  ares_process_fd(ares_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  if (!is_idle()) timer_.start(kPoll, [this] { poll(); });
  else if (leaving_) client_.drop(*this);
}

void DnsClient::Channel::ask(const std::string& name, bool v6) {
  if (open_questions_++ == 0) timer_.start(kPoll, [this] { poll(); });
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;  // it would connect a socket to each of a thousand addresses
  hints.ai_family = v6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  const auto done = [](void* context, int status, int, ares_addrinfo* info) {
    const std::unique_ptr<Question> question(static_cast<Question*>(context));
    Channel& channel = *question->channel;
    --channel.open_questions_;
    const std::size_t place =
        info != nullptr && info->name != nullptr ? channel.place_of(question->name, info->name) : 0;
    DnsAnswer answer = read_answer(status, info);
    answer.place = place;
    channel.client_.listener_.on_answer(question->name, question->v6, std::move(answer));
  };
  ares_getaddrinfo(ares_, name.c_str(), nullptr, &hints, done, new Question{this, name, v6});
}

DnsAnswer DnsClient::Channel::look_up_now(const std::string& name) {
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  DnsAnswer answer;
  const auto done = [](void* context, int status, int, ares_addrinfo* info) {
    *static_cast<DnsAnswer*>(context) = read_answer(status, info);
  };
  ares_getaddrinfo(ares_, name.c_str(), nullptr, &hints, done, &answer);  // a file is read before it returns
  return answer;
}

// --- The client ----------------------------------------------------------------------------------

DnsClient::DnsClient(Loop& loop, const ResolverOptions& options, DnsListener& listener)
    : loop_(loop), options_(options), listener_(listener) {}

DnsClient::~DnsClient() = default;

Result<std::unique_ptr<DnsClient>> DnsClient::create(Loop& loop, const ResolverOptions& options,
                                                     DnsListener& listener) {
  if (!initialise_library()) return Error(Code::kInternal, Blame::kGateway, "c-ares cannot be initialised");
  std::unique_ptr<DnsClient> client(new DnsClient(loop, options, listener));
  client->read_ = Stamp::of(options.resolv_conf);  // before it is read, lest a change in between goes unseen
  client->look_again_ = loop.now() + kLookAtFile;
  client->hosts_ = std::make_unique<Channel>(*client);
  CLV_TRY_VOID(client->hosts_->open(options, "f"));
  client->current_ = std::make_unique<Channel>(*client);
  CLV_TRY_VOID(client->current_->open(options, "b"));
  return client;
}

void DnsClient::follow_file() {
  if (loop_.now() < look_again_) return;
  look_again_ = loop_.now() + kLookAtFile;
  auto stamp = Stamp::of(options_.resolv_conf);
  if (!stamp || (read_ && *stamp == *read_)) return;
  auto fresh = std::make_unique<Channel>(*this);
  if (!fresh->open(options_, "b").has_value()) return;  // out of memory, say: at the next look
  read_ = std::move(stamp);
  std::unique_ptr<Channel> old = std::exchange(current_, std::move(fresh));
  if (old->is_idle()) return;
  old->leave();
  leaving_.push_back(std::move(old));
}

void DnsClient::drop(Channel& channel) noexcept {
  std::erase_if(leaving_, [&](const auto& each) { return each.get() == &channel; });
}

DnsAnswer DnsClient::look_in_hosts_file(const std::string& name) { return hosts_->look_up_now(name); }

void DnsClient::ask(const std::string& name, bool v6) {
  follow_file();
  current_->ask(name, v6);
}

}  // namespace claviger::net
