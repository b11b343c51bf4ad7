// SPDX-License-Identifier: Apache-2.0
#include "net/resolver.h"

#include <algorithm>
#include <array>
#include <coroutine>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "net/address_order.h"
#include "net/dns_client.h"

namespace claviger::net {
namespace {

using Addresses = std::vector<base::IpAddress>;
using Answer = Result<Addresses>;

constexpr auto kMinTtl = std::chrono::seconds(1);
constexpr auto kMaxTtl = std::chrono::seconds(300);
constexpr auto kFailureTtl = std::chrono::seconds(1);
constexpr auto kStaleFor = std::chrono::seconds(60);
constexpr auto kRecheck = std::chrono::seconds(5);      // while a stale answer serves
constexpr auto kPatience = std::chrono::seconds(1);     // with the servers, before a stale answer is used
constexpr auto kGrace = std::chrono::milliseconds(100);  // for the other family, once one has answered
constexpr std::size_t kMaxNames = 4096;

Error closing() { return Error(Code::kCancelled, Blame::kGateway, "gave up resolving the upstream's name"); }

// --- What is known -------------------------------------------------------------------------------

struct Ranked {
  base::IpAddress address;
  unsigned rank;
};

// Of a name, in one family.
struct Family {
  std::vector<Ranked> addresses;  // of the last good answer; none once a server has said that there are none
  std::size_t place = 0;  // DnsAnswer::place of it
  Monotonic stale_until{};
  DnsOutcome outcome = DnsOutcome::kFailed;  // of the last question
  const char* reason = "";
  Monotonic until{};  // how long that stands
  Monotonic asked{};
  bool open = false;

  bool is_good(Monotonic now) const noexcept { return outcome == DnsOutcome::kFound && now < until; }
  bool is_usable(Monotonic now) const noexcept { return !addresses.empty() && now < stale_until; }
  // A family that has none is asked again when the other one is.
  bool is_due(const Family& other, Monotonic now) const noexcept {
    return !open && now >= until && (outcome == DnsOutcome::kFound || !other.is_good(now));
  }
  void forget() noexcept {
    addresses.clear();
    stale_until = {};
  }
};

// The lower rank first; among equals, the order they came in.
void insert_ranked(std::vector<Ranked>& into, const Ranked& item) {
  const auto after = std::upper_bound(into.begin(), into.end(), item,
                                      [](const Ranked& a, const Ranked& b) { return a.rank < b.rank; });
  into.insert(after, item);
}

std::vector<Ranked> rank_all(const Addresses& addresses) {
  std::vector<Ranked> ranked;
  for (const base::IpAddress& address : addresses)
    insert_ranked(ranked, {address, rank_destination(address, source_for(address))});
  return ranked;
}

}  // namespace

// --- The state -----------------------------------------------------------------------------------

class Resolver::State final : public DnsListener, public std::enable_shared_from_this<State> {
 public:
  explicit State(Loop& loop) noexcept : loop_(loop) {}
  Result<void> open(const ResolverOptions& options) {
    client_ = CLV_TRY(DnsClient::create(loop_, options, *this));
    return ok();
  }
  void close() noexcept;
  bool is_closed() const noexcept { return client_ == nullptr; }

  class Wait;
  struct Entry {
    std::array<Family, 2> families;  // IPv4, IPv6
    std::vector<Wait*> waiting;
    bool is_busy() const noexcept { return families[0].open || families[1].open || !waiting.empty(); }
    // Nobody misses it.
    bool is_spent(Monotonic now) const noexcept {
      return !is_busy() && std::all_of(families.begin(), families.end(), [&](const Family& each) {
        return now >= each.until && now >= each.stale_until;
      });
    }
  };
  Entry* find_or_make(const std::string& name);
  void ask_what_is_due(const std::string& name, Entry& entry);

  struct Verdict {
    std::optional<Answer> answer;
    Monotonic look_again = Deadline::kNever;  // when there is none
  };
  Verdict judge(const std::string& name, const Entry& entry, Monotonic give_up) const;

 private:
  void on_answer(const std::string& name, bool v6, DnsAnswer answer) noexcept override;
  void deliver();

  Loop& loop_;
  std::unique_ptr<DnsClient> client_;
  std::unordered_map<std::string, Entry> names_;  // references stay good while an entry is busy
  std::vector<Wait*> answered_;  // to be resumed from the loop: c-ares does not like to be left in the middle
};

// One task that waits for a name.
class Resolver::State::Wait final : public Deadline {
 public:
  Wait(State& state, const std::string& name, Entry& entry, Monotonic give_up) noexcept
      : state_(state), name_(name), entry_(&entry), give_up_(give_up) {}
  ~Wait() override {
    if (entry_ != nullptr) std::erase(entry_->waiting, this);
    std::erase(state_.answered_, this);
  }

  bool await_ready() {
    look();
    return answer_.has_value();
  }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    entry_->waiting.push_back(this);
  }
  Answer await_resume() { return *std::move(answer_); }

  // Whether there is an answer to be had; else, when to look again.
  void look() {
    Verdict verdict = state_.judge(name_, *entry_, give_up_);
    if (verdict.answer.has_value()) answer(*std::move(verdict.answer));
    else state_.loop_.deadlines().set(*this, std::min(verdict.look_again, give_up_));
  }
  void answer(Answer answer) {
    state_.loop_.deadlines().clear(*this);
    answer_.emplace(std::move(answer));
    std::erase(std::exchange(entry_, nullptr)->waiting, this);
  }
  bool is_answered() const noexcept { return answer_.has_value(); }
  void resume() { std::exchange(handle_, nullptr).resume(); }  // may destroy this

 private:
  void on_deadline() noexcept override {
    look();
    if (is_answered()) resume();
  }

  State& state_;
  const std::string& name_;
  Entry* entry_;  // null once answered
  const Monotonic give_up_;
  std::optional<Answer> answer_;
  std::coroutine_handle<> handle_;
};

// The waiting tasks end before the state does, so that they may look at it as they go.
void Resolver::State::close() noexcept {
  for (auto& [name, entry] : names_) {
    while (!entry.waiting.empty()) {
      Wait* wait = entry.waiting.back();
      wait->answer(closing());
      answered_.push_back(wait);
    }
  }
  client_.reset();
  deliver();
}

Resolver::State::Entry* Resolver::State::find_or_make(const std::string& name) {
  if (const auto found = names_.find(name); found != names_.end()) return &found->second;
  if (names_.size() >= kMaxNames)
    std::erase_if(names_, [&](const auto& item) { return item.second.is_spent(loop_.now()); });
  if (names_.size() >= kMaxNames)
    std::erase_if(names_, [](const auto& item) { return !item.second.is_busy(); });
  if (names_.size() >= kMaxNames) return nullptr;
  return &names_[name];
}

void Resolver::State::ask_what_is_due(const std::string& name, Entry& entry) {
  const Monotonic now = loop_.now();
  auto& [v4, v6] = entry.families;
  const std::array due{v4.is_due(v6, now), v6.is_due(v4, now)};
  if (!due[0] && !due[1]) return;
  // What the hosts file says is all there is: an IPv6 address from elsewhere beside its IPv4 one would make light of it.
  if (const DnsAnswer local = client_->look_in_hosts_file(name); local.outcome == DnsOutcome::kFound) {
    for (const bool is_v6 : {false, true}) {
      DnsAnswer part = local;
      std::erase_if(part.addresses, [&](const base::IpAddress& each) { return each.v6 != is_v6; });
      if (part.addresses.empty()) part.outcome = DnsOutcome::kNoAddress;
      if (!entry.families[is_v6 ? 1 : 0].open) on_answer(name, is_v6, std::move(part));
    }
    return;
  }
  for (const bool is_v6 : {false, true}) {
    if (!due[is_v6 ? 1 : 0]) continue;
    Family& family = entry.families[is_v6 ? 1 : 0];
    family.open = true;
    family.asked = now;
    client_->ask(name, is_v6);
  }
}

void Resolver::State::on_answer(const std::string& name, bool v6, DnsAnswer answer) noexcept {
  const auto found = names_.find(name);
  if (found == names_.end()) return;
  Entry& entry = found->second;
  Family& family = entry.families[v6 ? 1 : 0];
  Family& other = entry.families[v6 ? 0 : 1];
  const Monotonic now = loop_.now();
  family.open = false;
  family.outcome = answer.outcome;
  family.reason = answer.reason;
  switch (answer.outcome) {
    case DnsOutcome::kFound:
      family.addresses = rank_all(answer.addresses);
      family.place = answer.place;
      family.until = now + std::clamp<std::chrono::seconds>(answer.ttl, kMinTtl, kMaxTtl);
      family.stale_until = family.until + kStaleFor;
      break;
    case DnsOutcome::
        kNoSuchName:  // whatever is asked about it; though there are servers that say so for AAAA alone
      if (!other.is_good(now)) other.forget();
      [[fallthrough]];
    case DnsOutcome::kNoAddress:
      family.forget();
      family.until = now + kFailureTtl;
      break;
    case DnsOutcome::kTimeout:
    case DnsOutcome::kFailed:
      family.until = now + (family.is_usable(now) ? kRecheck : kFailureTtl);
      break;
  }
  const std::vector<Wait*> waiting = entry.waiting;
  for (Wait* wait : waiting) {
    wait->look();
    if (!wait->is_answered()) continue;
    if (answered_.empty())
      loop_.post([weak = weak_from_this()] {
        if (const auto state = weak.lock()) state->deliver();
      });
    answered_.push_back(wait);
  }
}

void Resolver::State::deliver() {
  while (!answered_.empty()) {
    Wait* wait = answered_.front();
    answered_.erase(answered_.begin());
    wait->resume();
  }
}

Resolver::State::Verdict Resolver::State::judge(const std::string& name, const Entry& entry,
                                                Monotonic give_up) const {
  const Monotonic now = loop_.now();
  bool open = false;
  bool good = false;
  Monotonic asked{};
  std::vector<Ranked> usable;
  for (const Family& family : entry.families) {
    if (family.open) asked = std::max(asked, family.asked);
    open |= family.open;
    good |= family.is_good(now);
    const Family& other = entry.families[&family == &entry.families[0] ? 1 : 0];
    if (!family.is_usable(now) || (other.is_usable(now) && other.place < family.place)) continue;
    for (const Ranked& each : family.addresses) insert_ranked(usable, each);
  }
  if (open && now < give_up) {
    if (usable.empty()) return {};
    const Monotonic enough = asked + (good ? std::chrono::milliseconds(kGrace) : kPatience);
    if (now < enough) return {.look_again = enough};
  }
  if (!usable.empty()) {
    Addresses addresses;
    for (const Ranked& each : usable) addresses.push_back(each.address);
    return {.answer = std::move(addresses)};
  }
  if (open)
    return {.answer = Error::detailed(Code::kUpstreamTimeout, Blame::kUpstream,
                                      "resolving the upstream's name took too long",
                                      "resolving the upstream's name " + name + " took too long")};
  const auto& [v4, v6] = entry.families;
  const Family& telling = v6.outcome < v4.outcome ? v6 : v4;
  if (telling.outcome == DnsOutcome::kTimeout)
    return {.answer = Error::detailed(Code::kUpstreamTimeout, Blame::kUpstream,
                                      "no name server answered for the upstream's name",
                                      "no name server answered for the upstream's name " + name)};
  return {.answer = Error::detailed(
              Code::kUpstreamFailed, Blame::kUpstream, "the upstream's name cannot be resolved",
              "the upstream's name " + name + " cannot be resolved: " + telling.reason)};
}

// --- The resolver --------------------------------------------------------------------------------

Resolver::Resolver(std::shared_ptr<State> state) : state_(std::move(state)) {}
Resolver::~Resolver() { state_->close(); }

Result<std::unique_ptr<Resolver>> Resolver::create(Loop& loop, ResolverOptions options) {
  auto state = std::make_shared<State>(loop);
  CLV_TRY_VOID(state->open(options));
  return std::unique_ptr<Resolver>(new Resolver(std::move(state)));
}

Task<Result<std::vector<base::IpAddress>>> Resolver::resolve(std::string name, Monotonic deadline) {
  if (const auto literal = base::parse_ip(name); literal.has_value()) co_return Addresses{*literal};
  State& state = *state_;
  if (state.is_closed()) co_return closing();  // asked on the way out
  State::Entry* entry = state.find_or_make(name);
  if (entry == nullptr)
    co_return Error(Code::kUnavailable, Blame::kGateway, "too many names are being resolved at once");
  state.ask_what_is_due(name, *entry);
  co_return co_await State::Wait(state, name, *entry, deadline);
}

}  // namespace claviger::net
