// SPDX-License-Identifier: Apache-2.0
// The part of the registry that replaces the vault's master key. Each step is one transaction, after which a start knows how to go
// on; changes of management come in between as they please, and calls notice nothing.
//
//   the new key is kept where a start finds it                              (MasterKeyDesk::obtain)
//   mark: both keys are needed; from here on the new one seals              (begin_rekey)
//   envelopes, a hundred at a time: opened, and sealed with new data keys   (rewrap_some)
//   the keyring under the new key; the mark asks for nothing else           (switch_master_key)
//   files have their names, the store's own leftovers are gone; no mark     (settle_master_key)
#include <algorithm>
#include <map>
#include <utility>

#include "audit/event.h"
#include "base/check.h"
#include "net/pause.h"
#include "registry/rekey_mark.h"
#include "registry/stored_registry.h"
#include "vault/register.h"

namespace claviger::registry {
namespace {

using policy::Kind;

constexpr std::size_t kAtOnce = 100;  // envelopes in one transaction
constexpr std::size_t kPage = 500;  // records read at once, to look at
constexpr auto kRetryFirst = std::chrono::milliseconds(100);
constexpr auto kRetryMost = std::chrono::milliseconds(10'000);

std::string_view kind_of_credentials() noexcept { return policy::kind_name(Kind::kCredential); }

bool is_under(const std::string& id, std::span<const std::byte> envelope) {
  return vault::envelope_master_id(envelope) == id;
}

// Nothing is made of a record that somebody else wrote: that would make it look right.
Error not_trusted(const std::string& name) {
  return Error::formatted(
      Code::kConflict, Blame::kCaller,
      label_of(Kind::kCredential, name) +
          " was altered behind the gateway's back, or does not open, so its secret is not "
          "taken over to another master key: set it again, or delete the credential");
}

// What is wrong with what the caller asked for is the caller's to mend.
Error of_caller(const Error& error) {
  if (error.code() != Code::kInvalid) return error;
  return Error::formatted(Code::kInvalid, Blame::kCaller, std::string(error.what()));
}

}  // namespace

// --- Beginning -----------------------------------------------------------------------------------

net::Task<Result<RekeyState>> StoredRegistry::rekey(Actor actor, RekeyRequest request) {
  if (parts_.master_keys == nullptr)
    co_return Error(Code::kConflict, Blame::kOperator, "this gateway's master key cannot be replaced");
  if (rekeying_.is_running || rekeying_.is_beginning)
    co_return Error(Code::kConflict, Blame::kCaller,
                    "the master key is being replaced already: see how far with `claviger rekey --follow`");
  CLV_CO_TRY_VOID(check_right(actor));
  // Not while the turn is ours: a passphrase takes a while, a service longer.
  rekeying_.is_beginning = true;
  auto next = co_await parts_.master_keys->obtain(request.source, parts_.keys.master_key_id());
  Result<void> begun = ok();
  if (!next.has_value()) {
    begun = of_caller(next.error());
  } else if (begun = co_await begin_rekey(actor, request, *next); !begun.has_value()) {
    parts_.master_keys->discard(next->id());
  }
  rekeying_.is_beginning = false;
  if (!begun.has_value()) co_return begun.error();
  net::spawn(run_rekey());
  co_return *rekeying_.state;
}

net::Task<Result<void>> StoredRegistry::begin_rekey(const Actor& actor, const RekeyRequest& request,
                                                    const vault::MasterKey& next) {
  const Turnstile::Pass pass = co_await turnstile_.enter();
  CLV_CO_TRY_VOID(check_right(actor));
  const std::string left = CLV_CO_TRY(co_await parts_.store_thread.run([&] { return envelope_left(false); }));
  if (!left.empty()) co_return not_trusted(left);
  auto before = rekeying_.state;
  rekeying_.state =
      RekeyState{.from = parts_.keys.master_key_id(), .to = next.id(), .total = secrets_.size()};
  rekeying_.remove_old = request.remove_old;
  rekeying_.is_planned = false;
  audit::Event event(parts_.clock.wall(), "vault.rekey_begun");
  event.add("actor", actor.principal).add("key_id", actor.key_id).add("address", actor.address);
  event.add("request_id", actor.request_id).add("revision", head_ + 1);
  event.add("from", rekeying_.state->from).add("to", rekeying_.state->to);
  Result<void> begun = parts_.keys.hold_next_master_key(next);
  if (begun.has_value()) {
    store::Batch batch;
    batch.meta.push_back(write_rekey_mark(parts_.keys, rekey_mark(RekeyMark::Phase::kRewrapping)));
    begun = co_await commit_rekey_step(std::move(batch), std::move(event).text());
    // Nothing was sealed since: that takes a turn.
    if (!begun.has_value()) parts_.keys.drop_next_master_key();
  }
  if (begun.has_value()) rekeying_.lost_key.clear();
  else rekeying_.state = std::move(before);
  co_return begun;
}

// What another process has begun.
Result<void> StoredRegistry::take_up_rekey() {
  const RekeyMark mark = CLV_TRY(read_rekey_mark(parts_.keys, parts_.store));
  if (mark.phase == RekeyMark::Phase::kNone) return ok();
  const bool is_settling = mark.phase == RekeyMark::Phase::kSettling;
  if (!is_settling && parts_.keys.master_key_id() == mark.old_id && !parts_.keys.next_master_key_id() &&
      !CLV_TRY(seals_anything(parts_.store, mark.new_id))) {
    rekeying_.lost_key = mark.new_id;
    parts_.log.warning("rekey_not_taken_up", {{"key", mark.new_id}, {"detail", "it is not there"}});
    return ok();
  }
  const bool has_keys = is_settling ? parts_.keys.master_key_id() == mark.new_id
                                    : parts_.keys.master_key_id() == mark.old_id &&
                                          parts_.keys.next_master_key_id() == mark.new_id;
  if (!has_keys)
    return Error::formatted(Code::kInternal, Blame::kOperator,
                            "the store's keyring and its mark of a master key's replacement (from " +
                                mark.old_id + " to " + mark.new_id +
                                ") do not belong together: put a backup back");
  rekeying_.state =
      RekeyState{.phase = is_settling ? RekeyState::Phase::kSettling : RekeyState::Phase::kRewrapping,
                 .from = mark.old_id,
                 .to = mark.new_id};
  rekeying_.remove_old = mark.remove_old;
  return ok();
}

// --- Going on ------------------------------------------------------------------------------------

// However long store, disk or service fail.
net::Task<void> StoredRegistry::run_rekey() {
  rekeying_.is_running = true;
  auto pause = kRetryFirst;
  RekeyState& state = *rekeying_.state;
  while (state.phase != RekeyState::Phase::kFinished && !rekeying_.is_stopping) {
    const auto done = co_await rekey_step();
    if (done.has_value()) {
      state.failure.clear();
      pause = kRetryFirst;
      continue;
    }
    rekeying_.is_planned = false;
    if (state.failure != done.error().what())
      parts_.log.warning("rekey_waits",
                         {{"reason", done.error().what()}, {"detail", "it is tried again by itself"}});
    state.failure = done.error().what();
    const Monotonic until = parts_.control.now() + std::exchange(pause, std::min(pause * 2, kRetryMost));
    while (parts_.control.now() < until && !rekeying_.is_stopping)
      co_await net::Pause{parts_.control, kRetryFirst};
  }
  rekeying_.is_running = false;
}

net::Task<Result<void>> StoredRegistry::rekey_step() {
  if (rekeying_.state->phase == RekeyState::Phase::kSettling) co_return co_await settle_master_key();
  const Turnstile::Pass pass = co_await turnstile_.enter();
  if (!rekeying_.is_planned) co_return co_await plan_rewrapping();
  co_return rekeying_.names.empty() ? co_await switch_master_key() : co_await rewrap_some();
}

// In the order of the register's parts: so a batch writes a few of them, and not nearly all.
net::Task<Result<void>> StoredRegistry::plan_rewrapping() {
  Rekeying& now = rekeying_;
  now.names = co_await parts_.store_thread.run([this, &to = now.state->to] {
    std::multimap<std::uint8_t, std::string> by_part;
    for (const auto& [name, secret] : secrets_)
      if (!is_under(to, secret.envelope))
        by_part.emplace(vault::place_of(parts_.keys, kind_of_credentials(), name), name);
    std::vector<std::string> names;
    for (auto& [part, name] : by_part) names.push_back(std::move(name));
    return names;
  });
  now.state->total = secrets_.size();
  now.state->done = secrets_.size() - now.names.size();
  now.is_planned = true;
  co_return ok();
}

net::Task<Result<void>> StoredRegistry::rewrap_some() {
  std::vector<std::string>& names = rekeying_.names;
  std::vector<RecordKey> keys;
  const std::size_t count = std::min(kAtOnce, names.size());
  for (auto name = names.end() - static_cast<std::ptrdiff_t>(count); name != names.end(); ++name)
    keys.emplace_back(Kind::kCredential, *name);
  Result<void> read = ok();
  auto current = co_await read_current(keys, read);
  CLV_CO_TRY_VOID(read);
  store::Batch batch;
  batch.base = head_;
  for (auto& [key, each] : current) CLV_CO_TRY_VOID(rewrap(each, key.second, batch));
  const std::uint64_t rewrapped = batch.writes.size();
  if (rewrapped > 0) {
    audit::Event event(parts_.clock.wall(), "vault.rekey_progress");
    event.add("revision", head_ + 1).add("to", rekeying_.state->to);
    event.add("done", rekeying_.state->done + rewrapped).add("total", rekeying_.state->total);
    std::vector<std::pair<std::string, vault::Envelope>> made;
    for (const store::Batch::Write& write : batch.writes)
      made.emplace_back(write.record.name, write.record.sealed);
    CLV_CO_TRY_VOID(co_await commit_rekey_step(std::move(batch), std::move(event).text()));
    for (auto& [name, envelope] : made) secrets_.at(name).envelope = std::move(envelope);
  }
  names.resize(names.size() - count);
  rekeying_.state->done = rekeying_.state->total - std::min(rekeying_.state->total, names.size());
  co_return ok();
}

// Adds it to the batch, where there is something to write: it may have been deleted, revoked or set since it was planned. What is
// not to be trusted is passed over, and found in the end. Body and time stay: nothing that anybody said of it is another.
Result<void> StoredRegistry::rewrap(Current& current, const std::string& name, store::Batch& batch) {
  const auto secret = secrets_.find(name);
  if (secret == secrets_.end() || is_under(rekeying_.state->to, secret->second.envelope)) return ok();
  if (!current.is_live() || !current.fault.empty() || current.record->sealed != secret->second.envelope)
    return ok();
  const StoredSecret& stored = secret->second;
  auto envelope = parts_.keys.seal_anew(stored.envelope, {.kind = kind_of_credentials(),
                                                          .name = name,
                                                          .id = stored.record_id,
                                                          .version = stored.version,
                                                          .destination = stored.destination});
  if (!envelope.has_value() && envelope.error().code() == Code::kInternal) return ok();  // it does not open
  if (!envelope.has_value()) return envelope.error();
  store::Batch::Write write{.record = *std::move(current.record), .replaces = 0};
  write.replaces = write.record.revision;
  write.record.revision = batch.revision();
  write.record.sealed = *std::move(envelope);
  batch.writes.push_back(std::move(write));
  return ok();
}

// A credential whose envelope the gateway does not know (or, `at_the_end`, that is not under the new key): a row that was tampered
// with. Blocks.
Result<std::string> StoredRegistry::envelope_left(bool at_the_end) {
  std::string after;
  for (;;) {
    const auto page = CLV_TRY(parts_.store.list(kind_of_credentials(), after, kPage));
    for (const store::Record& record : page) {
      if (record.sealed.empty()) continue;
      const auto known = secrets_.find(record.name);
      const bool is_known = known != secrets_.end() && known->second.envelope == record.sealed;
      if (at_the_end ? !is_under(rekeying_.state->to, record.sealed) : !is_known) return record.name;
    }
    if (page.size() < kPage) return std::string();
    after = page.back().name;
  }
}

// --- Ending --------------------------------------------------------------------------------------

net::Task<Result<void>> StoredRegistry::switch_master_key() {
  const std::string left = CLV_CO_TRY(co_await parts_.store_thread.run([&] { return envelope_left(true); }));
  if (!left.empty()) co_return not_trusted(left);
  vault::Keyring keyring = CLV_CO_TRY(parts_.keys.rewrapped_keyring());
  RekeyState& state = *rekeying_.state;
  audit::Event event(parts_.clock.wall(), "vault.rekey_switched");
  event.add("revision", head_ + 1).add("from", state.from).add("to", state.to).add("total", state.total);
  store::Batch batch;
  batch.meta.push_back({std::string(kKeyringMeta), keyring});
  batch.meta.push_back(write_rekey_mark(parts_.keys, rekey_mark(RekeyMark::Phase::kSettling)));
  CLV_CO_TRY_VOID(co_await commit_rekey_step(std::move(batch), std::move(event).text()));
  parts_.keys.promote_next_master_key(std::move(keyring));
  state.phase = RekeyState::Phase::kSettling;
  co_return ok();
}

net::Task<Result<void>> StoredRegistry::settle_master_key() {
  CLV_CO_TRY_VOID(co_await parts_.store_thread.run([this] { return parts_.store.forget_replaced(); }));
  RekeyState& state = *rekeying_.state;
  std::string outcome = CLV_CO_TRY(co_await parts_.master_keys->settle(
      {.old_id = state.from, .new_id = state.to, .remove_old = rekeying_.remove_old}));
  const Turnstile::Pass pass = co_await turnstile_.enter();
  audit::Event event(parts_.clock.wall(), "vault.rekeyed");
  event.add("revision", head_ + 1).add("from", state.from).add("to", state.to).add("old_key", outcome);
  store::Batch batch;
  batch.meta.push_back(write_rekey_mark(parts_.keys, {}));
  CLV_CO_TRY_VOID(co_await commit_rekey_step(std::move(batch), std::move(event).text()));
  parts_.log.info("rekeyed", {{"from", state.from}, {"to", state.to}, {"old_key", outcome}});
  state.outcome = std::move(outcome);
  state.phase = RekeyState::Phase::kFinished;
  co_return ok();
}

net::Task<Result<void>> StoredRegistry::commit_rekey_step(store::Batch batch, std::string event) {
  batch.base = head_;
  seal_events(parts_.keys, {.era = era_, .revision = batch.revision(), .index = 0}, {event}, batch.outbox);
  CLV_CO_TRY(co_await commit(batch));
  head_ = batch.revision();
  drain_.kick(last_event());
  co_return ok();
}

RekeyMark StoredRegistry::rekey_mark(RekeyMark::Phase phase) const {
  return {.phase = phase,
          .remove_old = rekeying_.remove_old,
          .old_id = rekeying_.state->from,
          .new_id = rekeying_.state->to};
}

std::optional<Notice> StoredRegistry::rekey_notice() const {
  const auto& state = rekeying_.state;
  if (const std::string& lost = rekeying_.lost_key; !lost.empty())
    return Notice{"vault", "master key",
                  "was to be replaced by " + lost +
                      ", which is not there; nothing is sealed under it, and all goes on as before. Begin "
                      "anew (`claviger rekey`), or put it back and restart"};
  if (!state || state->phase == RekeyState::Phase::kFinished) return std::nullopt;
  Notice notice{"vault", "master key",
                "is being replaced: " + std::to_string(state->done) + " of " + std::to_string(state->total) +
                    " secrets are under " + state->to + ", the others under " + state->from};
  if (!state->failure.empty()) notice.what += ". IT WAITS: " + state->failure;
  return notice;
}

}  // namespace claviger::registry
