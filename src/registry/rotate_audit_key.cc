// SPDX-License-Identifier: Apache-2.0
// The part of the registry that rotates the key of the audit log's checkpoints. Store and log each keep their side of it, so
// that whatever comes in between is gone on with at the next start:
//
//   store: the keyring gets the next key, with the event of who asked         (begin_key_rotation)
//   log:   the old key signs the event that names the new one, which signs on  (audit::Log::rotate_key)
//   store: the keyring has the new key alone                                   (retire_audit_key)
#include <algorithm>
#include <utility>

#include "audit/event.h"
#include "base/check.h"
#include "net/pause.h"
#include "registry/stored_registry.h"

namespace claviger::registry {
namespace {

constexpr auto kLookFirst = std::chrono::milliseconds(20);
constexpr auto kLookMost = std::chrono::milliseconds(1000);
// So long a caller waits for what goes on by itself.
constexpr auto kPatience = std::chrono::seconds(10);

}  // namespace

net::Task<Result<AuditKeyRotation>> StoredRegistry::rotate_audit_key(Actor actor) {
  AuditKeyRotation rotation = CLV_CO_TRY(co_await begin_key_rotation(std::move(actor)));
  const Monotonic latest = parts_.control.now() + kPatience;
  while (is_rotating_audit_key_ && parts_.control.now() < latest)
    co_await net::Pause{parts_.control, kLookFirst};
  rotation.is_finished = !is_rotating_audit_key_;
  co_return rotation;
}

net::Task<Result<AuditKeyRotation>> StoredRegistry::begin_key_rotation(Actor actor) {
  CLV_CHECK(parts_.audit_log != nullptr);
  const Turnstile::Pass pass = co_await turnstile_.enter();
  CLV_CO_TRY_VOID(check_right(actor));
  audit::Log& log = *parts_.audit_log;
  CLV_CO_TRY_VOID(log.check_rotation());
  vault::NextSigningKey next = CLV_CO_TRY(parts_.keys.add_next_signing_key());
  AuditKeyRotation rotation{.from = log.verifier_key(), .to = log.verifier_key_of(next.key)};
  audit::Event event(parts_.clock.wall(), "audit.key_rotation_begun");
  event.add("actor", actor.principal).add("key_id", actor.key_id).add("address", actor.address);
  event.add("request_id", actor.request_id).add("revision", head_ + 1);
  event.add("from", rotation.from).add("to", rotation.to);
  CLV_CO_TRY_VOID(co_await keep_keyring(std::move(next.keyring), std::move(event).text()));
  signers_.push_back(std::make_unique<VaultSigner>(parts_.keys, next.key));
  log.rotate_key(*signers_.back());
  is_rotating_audit_key_ = true;
  net::spawn(finish_key_rotation());
  co_return rotation;
}

// However long the log or the store fail.
net::Task<void> StoredRegistry::finish_key_rotation() {
  auto pause = kLookFirst;
  const auto again = [&] {
    return net::Pause{parts_.control, std::exchange(pause, std::min(pause * 2, kLookMost))};
  };
  while (parts_.audit_log->is_rotating_key()) co_await again();
  while (!co_await retire_audit_key()) co_await again();
  is_rotating_audit_key_ = false;
}

net::Task<bool> StoredRegistry::retire_audit_key() {
  const Turnstile::Pass pass = co_await turnstile_.enter();
  const std::string old_key = parts_.audit_log->verifier_key_of(parts_.keys.signing_key());
  auto keyring = parts_.keys.promote_next_signing_key();
  Result<void> kept = ok();
  if (keyring.has_value()) {
    audit::Event event(parts_.clock.wall(), "audit.key_retired");
    event.add("key", old_key).add("revision", head_ + 1);
    kept = co_await keep_keyring(*std::move(keyring), std::move(event).text());
  } else {
    kept = keyring.error();
  }
  if (kept.has_value()) {
    parts_.log.info("audit_key_rotated", {{"key", parts_.audit_log->verifier_key()}});
  } else {
    parts_.log.warning("audit_key_not_retired",
                       {{"reason", kept.error().what()}, {"detail", "it is tried again by itself"}});
  }
  co_return kept.has_value();
}

// Commits it, and then goes by it.
net::Task<Result<void>> StoredRegistry::keep_keyring(vault::Keyring keyring, std::string event) {
  store::Batch batch;
  batch.base = head_;
  batch.meta.push_back({std::string(kKeyringMeta), keyring});
  seal_events(parts_.keys, {.era = era_, .revision = batch.revision(), .index = 0}, {event}, batch.outbox);
  CLV_CO_TRY(co_await commit(batch));
  head_ = batch.revision();
  drain_.kick(last_event());
  co_return parts_.keys.use(std::move(keyring));
}

}  // namespace claviger::registry
