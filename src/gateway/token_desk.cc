// SPDX-License-Identifier: Apache-2.0
#include "gateway/token_desk.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/parse.h"
#include "credentials/secret_text.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "gateway/token_desk_entry.h"
#include "gateway/world.h"

namespace claviger::gateway {
namespace {

using credentials::FetchedToken;
using credentials::Token;

constexpr std::chrono::seconds kLeastLook{1};
constexpr std::chrono::seconds kMostMargin{30};

// From 0 to 1, so that tokens that came together are not fetched anew together.
double draw() noexcept {
  std::array<std::byte, 4> random;
  crypto::random_bytes(random);
  std::uint32_t number = 0;
  std::memcpy(&number, random.data(), sizeof number);
  return static_cast<double>(number) / UINT32_MAX;
}

Monotonic::duration share(std::chrono::seconds lifetime, double part) {
  return std::chrono::duration_cast<Monotonic::duration>(std::chrono::duration<double>(lifetime) * part);
}

// Whoever hears of it decides anew.
Error closed() { return Error(Code::kCancelled, Blame::kOperator, "the world has changed meanwhile"); }

Error taken_back() {
  return Error(Code::kNoCredential, Blame::kOperator, "the credential was taken back, or has another secret");
}

Error stopping() { return Error(Code::kUnavailable, Blame::kGateway, "the gateway is stopping"); }

// Where tokens are fetched, and what is wrong there, is the operator's to know.
Error as_callers_see(const Error& error) {
  const std::string what(error.what());
  if (error.code() == Code::kNoCredential)
    return Error::detailed(Code::kNoCredential, Blame::kOperator,
                           "the upstream's credential is not taken where its tokens are fetched", what);
  if (error.code() == Code::kUnavailable) return error;
  return Error::detailed(Code::kUpstreamFailed, Blame::kUpstream,
                         "the upstream's credential needs a token, and its token endpoint gives none", what);
}

std::string_view word_of(bool is_ahead, bool is_lost) noexcept {
  return is_lost ? "lost" : is_ahead ? "ahead" : "needed";
}

}  // namespace

Result<std::unique_ptr<TokenDesk>> TokenDesk::create(Surroundings around) {
  vault::Opener opener = CLV_TRY(around.key.make_opener());
  return std::unique_ptr<TokenDesk>(new TokenDesk(std::move(around), std::move(opener)));
}

TokenDesk::TokenDesk(Surroundings around, vault::Opener opener)
    : around_(std::move(around)), opener_(std::move(opener)) {}

TokenDesk::~TokenDesk() = default;

// --- Cells ---------------------------------------------------------------------------------------

TokenDesk::Entry* TokenDesk::find(const TokenCell& cell) const noexcept {
  const auto found = entries_.find(&cell);
  return found == entries_.end() ? nullptr : found->second.get();
}

Result<base::SecretBytes> TokenDesk::open(const vault::Sealed& sealed) {
  base::SecretBytes plain = CLV_TRY(base::SecretBytes::allocate(around_.key.arena(), sealed.plain_size()));
  CLV_TRY_VOID(opener_.open(sealed, plain.reveal()));
  return plain;
}

bool TokenDesk::is_secret_of(const TokenSource& source, const vault::Sealed& sealed) {
  const auto now = open(source.fetcher->secret());
  const auto other = open(sealed);
  return now.has_value() && other.has_value() && crypto::equal_constant_time(now->reveal(), other->reveal());
}

// A secret that was set again is taken for another one, even where it is the same: whoever sets it wants a new log-in. One that its
// endpoint has replaced comes back with the next version, and goes on.
bool TokenDesk::is_same(const Entry& entry, const TokenSource& source) {
  if (entry.replaced && is_secret_of(source, *entry.replaced)) return true;
  if (entry.being_saved && is_secret_of(source, *entry.being_saved)) return true;
  return entry.source.version == source.version && is_secret_of(source, entry.source.fetcher->secret());
}

std::shared_ptr<TokenCell> TokenDesk::cell(const TokenSource& source) {
  const auto [from, to] = by_destination_.equal_range(source.destination);
  std::vector<const TokenCell*> never_adopted;
  for (auto at = from; at != to; ++at) {
    if (is_same(*at->second, source)) return at->second->cell;
    if (!at->second->is_adopted && at->second->cell.use_count() == 1)
      never_adopted.push_back(at->second->cell.get());
  }
  for (const TokenCell* each : never_adopted) forget(each);
  auto entry = std::make_unique<Entry>(around_.control, source, around_.readers);
  auto made = entry->cell;
  by_destination_.emplace(entry->source.destination, entry.get());
  entries_.emplace(made.get(), std::move(entry));
  return made;
}

// Masking is no part of a destination: it may be turned on under a token that was made without.
void TokenDesk::expect(const World& world) {
  for (const auto& upstream : *world.upstreams) {
    if (!upstream) continue;
    for (const ReadyCredential& each : upstream->credentials) {
      Entry* const entry = each.tokens ? find(*each.tokens) : nullptr;
      if (entry == nullptr || entry->source.masked || !each.token_source->masked) continue;
      entry->source.masked = true;
      entry->source.fetcher = each.token_source->fetcher;  // what is being fetched is made by this one, too
      entry->tries_again = false;
      if (std::exchange(entry->token, nullptr)) entry->cell->publish(nullptr, std::nullopt);
    }
  }
}

void TokenDesk::adopt(const World& world) {
  std::erase_if(closed_, [](const EntryPointer& entry) { return !entry->is_fetching && !entry->is_saving; });
  const std::shared_ptr<const void> table = world.upstreams;
  if (!table.owner_before(adopted_) && !adopted_.owner_before(table)) return;
  adopted_ = table;
  std::unordered_map<const TokenCell*, const ReadyCredential*> there;
  for (const auto& upstream : *world.upstreams) {
    if (!upstream) continue;
    for (const ReadyCredential& each : upstream->credentials)
      if (each.tokens) there.emplace(each.tokens.get(), &each);
  }
  std::vector<const TokenCell*> gone;
  for (const auto& [cell, entry] : entries_) {
    const auto found = there.find(cell);
    if (found == there.end()) {
      // One that no world has adopted may be of a world in the making.
      if (entry->is_adopted || entry->cell.use_count() == 1) gone.push_back(cell);
      continue;
    }
    entry->is_adopted = true;
    const ReadyCredential& now = *found->second;
    entry->source = *now.token_source;
    entry->life = now.life;
    if (entry->replaced && is_secret_of(entry->source, *entry->replaced))
      entry->replaced.reset();  // it is kept
  }
  for (const TokenCell* cell : gone) forget(cell);
}

void TokenDesk::forget(const TokenCell* cell) {
  const auto found = entries_.find(cell);
  EntryPointer entry = std::move(found->second);
  entries_.erase(found);
  const auto [from, to] = by_destination_.equal_range(entry->source.destination);
  by_destination_.erase(std::find_if(from, to, [&](const auto& each) { return each.second == entry.get(); }));
  close(*entry);
  // It may be a task of its own that brought this about.
  if (entry->is_fetching || entry->is_saving) closed_.push_back(std::move(entry));
}

void TokenDesk::close(Entry& entry) {
  entry.is_closed = true;
  entry.timer.cancel();
  entry.save_timer.cancel();
  entry.token = nullptr;
  entry.replaced.reset();
  entry.cell->publish(nullptr, NoToken{taken_back(), Monotonic::max()});
  answer(entry, closed());
}

void TokenDesk::stop() {
  is_stopping_ = true;
  for (const auto& [cell, entry] : entries_) {
    entry->timer.cancel();
    answer(*entry, stopping());
  }
}

bool TokenDesk::is_idle() const noexcept {
  const auto is_at_rest = [](const Entry& entry) { return !entry.is_fetching && !entry.is_saving; };
  return std::ranges::all_of(entries_, [&](const auto& each) { return is_at_rest(*each.second); }) &&
         std::ranges::all_of(closed_, [&](const EntryPointer& each) { return is_at_rest(*each); });
}

// --- Whoever wants one ---------------------------------------------------------------------------

void TokenDesk::ask(const TokenCell& cell, Done done) {
  if (!done) done = [](const Result<void>&) {};
  Entry* const entry = find(cell);
  if (entry == nullptr) return done(closed());
  if (is_stopping_) return done(stopping());
  const Monotonic now = around_.control.now();
  if (entry->has_good(now)) return done(ok());
  entry->waiting.push_back(std::move(done));
  if (entry->is_fetching) return;
  if (entry->pace.is_due(now)) return start(*entry, Why::kNeeded);
  // Whoever asks has not seen that it is in vain for now.
  answer(*entry, *entry->last_error);
}

void TokenDesk::lost(const TokenCell& cell, std::uint64_t number, Done done) {
  if (!done) done = [](const Result<void>&) {};
  Entry* const entry = find(cell);
  if (entry == nullptr) return done(closed());
  if (is_stopping_) return done(stopping());
  const Monotonic now = around_.control.now();
  // There is another one already, whoever saw it first; or it has run out meanwhile.
  if (!entry->token || entry->token->number != number) return ask(cell, std::move(done));
  if (!entry->is_fetching) {
    if (!entry->pace.may_renew(now))
      return done(Error(Code::kNoCredential, Blame::kUpstream,
                        "a token was refused, and another was fetched only just before"));
    ++counts_.lost;
    entry->waiting.push_back(std::move(done));
    return start(*entry, Why::kLost);
  }
  entry->waiting.push_back(std::move(done));
}

void TokenDesk::lost_in_vain(const TokenCell& cell) {
  if (Entry* const entry = find(cell); entry != nullptr) entry->pace.renewed_in_vain(around_.control.now());
}

// Whoever asks from within an answer has the same one.
void TokenDesk::answer(Entry& entry, const Result<void>& outcome) {
  while (!entry.waiting.empty()) {
    const std::vector<Done> waiting = std::exchange(entry.waiting, {});
    for (const Done& done : waiting) done(outcome);
  }
}

// --- Fetching ------------------------------------------------------------------------------------

void TokenDesk::start(Entry& entry, Why why) {
  entry.is_fetching = true;
  entry.timer.cancel();
  entry.fetching = run(entry, why);
  entry.fetching.handle().resume();
}

net::Task<void> TokenDesk::run(Entry& entry, Why why) {
  const Monotonic began = around_.control.now();
  auto fetched = co_await attempt(entry);
  if (entry.is_closed) {
    if (fetched.has_value() && !fetched->next_secret.empty())
      co_await save_late(entry, std::move(fetched->next_secret));
    entry.is_fetching = false;
    co_return;
  }
  Result<void> outcome = ok();
  bool is_replaced = false;
  if (fetched.has_value()) {
    is_replaced = !fetched->next_secret.empty();
    outcome = take(entry, *std::move(fetched), began);
  } else {
    outcome = fetched.error();
  }
  if (outcome.has_value()) {
    record_fetched(entry, why, is_replaced);
  } else {
    give_up(entry, outcome.error());
    outcome = *entry.last_error;
  }
  answer(entry, outcome);
  entry.is_fetching = false;
  if (entry.is_closed) co_return;
  if (is_replaced) start_saving(entry);
  arm(entry, around_.control.now());  // not from here: this task is to be over first
}

net::Task<Result<FetchedToken>> TokenDesk::attempt(Entry& entry) {
  base::SecretArena& arena = around_.key.arena();
  const auto fetcher = entry.source.fetcher;  // the world may change meanwhile
  entry.retry_after.reset();
  const base::SecretBytes secret = CLV_CO_TRY(open(entry.replaced ? *entry.replaced : fetcher->secret()));
  around_.control.metrics().add(telemetry::Counter::kCredentialsOpened);
  const credentials::TokenRequest request =
      CLV_CO_TRY(fetcher->request(secret.reveal_text(), around_.control.wall_now(), arena));
  credentials::SecretText target(arena);
  target.append(entry.source.target);
  if (!request.query.empty())
    target.append(entry.source.target.find('?') == std::string::npos ? "?" : "&")
        .append(request.query.reveal_text());
  std::vector<http::FetchField> fields{{"Accept", "application/json"}};
  if (!request.content_type.empty()) fields.push_back({"Content-Type", request.content_type});
  if (!request.authorization.empty())
    fields.push_back({"Authorization", request.authorization.reveal_text()});
  const auto& targets = entry.source.targets;
  auto answer = co_await around_.fetch(targets[entry.turn % targets.size()],
                                       {.method = request.method,
                                        .target = target.text(),
                                        .fields = fields,
                                        .body = request.body.reveal_text(),
                                        .wanted_cookie = fetcher->wanted_cookie()});
  if (!answer.has_value()) {
    ++entry.turn;
    co_return answer.error().within("the token endpoint");
  }
  entry.retry_after = answer->retry_after;
  co_return fetcher->read(*answer, secret.reveal_text(), arena);
}

// What was asked for before it was sent is good for that much less.
Result<void> TokenDesk::take(Entry& entry, FetchedToken fetched, Monotonic began) {
  if (!fetched.next_secret.empty()) {
    entry.replaced = around_.key.seal(fetched.next_secret.reveal(), entry.source.destination);
    entry.is_unsaved = true;
    ++counts_.replaced;
  }
  const Monotonic now = around_.control.clock().monotonic();
  const auto margin = std::min<Monotonic::duration>(kMostMargin, share(fetched.lifetime, 0.1));
  auto token = std::make_shared<Token>();
  token->number = ++last_number_;
  token->refresh_at = began + share(fetched.lifetime, 0.7 + 0.15 * draw());
  token->good_until = began + fetched.lifetime - margin;
  if (token->good_until <= now)
    return Error(Code::kUpstreamFailed, Blame::kUpstream,
                 "the token endpoint takes longer than its tokens are good for");
  auto carrier = entry.source.fetcher->carry(std::move(fetched.text), around_.key);
  if (!carrier.has_value())
    return Error::formatted(
        Code::kUpstreamFailed, Blame::kUpstream,
        "the token endpoint gives a token that cannot be sent: " + std::string(carrier.error().what()));
  token->carrier = *std::move(carrier);
  entry.token = std::move(token);
  entry.fetched = now;
  entry.tries_again = false;
  entry.pace.succeeded();
  entry.cell->publish(entry.token, std::nullopt);
  ++counts_.fetched;
  if (entry.life) entry.life->login_was_good(now);
  return ok();
}

void TokenDesk::give_up(Entry& entry, const Error& error) {
  const Monotonic now = around_.control.clock().monotonic();
  const bool is_refused = error.code() == Code::kNoCredential;
  if (is_refused) entry.pace.was_refused(now, draw());
  else entry.pace.failed(now, entry.retry_after, draw());
  ++(is_refused ? counts_.refused : counts_.failed);
  if (!entry.has_good(now)) entry.token = nullptr;
  entry.tries_again = entry.token != nullptr;
  entry.last_error = as_callers_see(error);
  entry.cell->publish(entry.token, NoToken{*entry.last_error, entry.pace.next()});
  if (is_refused && entry.life && !entry.token) entry.life->login_was_refused(now);
  record_failed(entry, error);
}

// --- Ahead of time -------------------------------------------------------------------------------

void TokenDesk::arm(Entry& entry, Monotonic when) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - around_.control.now());
  entry.timer.start(std::max<std::chrono::milliseconds>(left, std::chrono::milliseconds(1)),
                    [this, &entry] { tend(entry); });
}

// A token that nobody has used since it was fetched is not worth another one yet.
void TokenDesk::tend(Entry& entry) {
  if (entry.is_fetching || entry.is_closed || is_stopping_) return;
  const Monotonic now = around_.control.now();
  if (!entry.has_good(now)) {
    if (std::exchange(entry.token, nullptr)) entry.cell->publish(nullptr, std::nullopt);
    entry.tries_again = false;
    return;  // the next call asks
  }
  if (now < entry.token->refresh_at) return arm(entry, entry.token->refresh_at);
  const Monotonic due = std::min(entry.pace.next(), entry.token->good_until);
  if (now < due && entry.tries_again) return arm(entry, due);
  if (entry.tries_again || entry.cell->take_used()) return start(entry, Why::kAhead);
  const auto look = std::max<Monotonic::duration>(kLeastLook, (entry.token->good_until - now) / 4);
  arm(entry, std::min(now + look, entry.token->good_until));
}

// --- Records -------------------------------------------------------------------------------------

void TokenDesk::record_fetched(const Entry& entry, Why why, bool is_replaced) const {
  const WallTime now = around_.control.clock().wall();
  const auto left = entry.token->good_until - around_.control.clock().monotonic();
  const WallTime good_until = now + std::chrono::duration_cast<WallTime::duration>(left);
  const std::string_view because = word_of(why == Why::kAhead, why == Why::kLost);
  audit::Event event(now, "credential.token_fetched");
  event.add("credential", entry.source.credential).add("credential_version", entry.source.version);
  event.add("upstream", entry.source.upstream).add("because", because);
  event.add("good_until", base::format_rfc3339(good_until));
  if (is_replaced) event.add_json("secret_replaced", "true");
  if (around_.record) around_.record(std::move(event));
}

void TokenDesk::record_failed(const Entry& entry, const Error& error) const {
  const WallTime now = around_.control.clock().wall();
  const auto wait = entry.pace.next() - around_.control.clock().monotonic();
  const WallTime next = now + std::chrono::duration_cast<WallTime::duration>(wait);
  const bool is_refused = error.code() == Code::kNoCredential;
  const bool has_one = entry.token != nullptr;
  around_.log.warning("token_failed", {{"credential", entry.source.credential},
                                       {"reason", error.what()},
                                       {"refused", is_refused},
                                       {"has_token", has_one}});
  audit::Event event(now, "credential.token_failed");
  event.add("credential", entry.source.credential).add("credential_version", entry.source.version);
  event.add("upstream", entry.source.upstream).add("reason", error.what());
  event.add_json("refused", is_refused ? "true" : "false").add_json("has_token", has_one ? "true" : "false");
  event.add("next_attempt", base::format_rfc3339(next));
  if (around_.record) around_.record(std::move(event));
}

}  // namespace claviger::gateway
