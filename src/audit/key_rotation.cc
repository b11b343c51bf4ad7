// SPDX-License-Identifier: Apache-2.0
// The part of the log's writer that hands the log over from one signing key to the next.
#include "audit/key_rotation.h"

#include <utility>

#include "audit/event.h"
#include "audit/key_chain.h"
#include "audit/log_writer.h"
#include "base/check.h"

namespace claviger::audit {

using Stage = KeyRotation::Stage;

void LogWriter::begin_key_rotation(Signer& next) {
  CLV_CHECK(!key_rotation_);
  const bool is_handed_over = keys_.is_taking_over() && keys_.current().key == next.public_key();
  key_rotation_ = KeyRotation{.next = &next, .stage = is_handed_over ? Stage::kTakeOver : Stage::kAnnounce};
}

void LogWriter::tell(std::string_view event, Time now, std::uint64_t outbox) {
  own_.append(event, outbox);
  const std::uint64_t before = taken_bytes_;
  CLV_CHECK(take_piece(own_));
  noticed(before, now);
}

Result<void> LogWriter::rotate_key(Time now) {
  if (!key_rotation_) return ok();
  KeyRotation& rotation = *key_rotation_;
  const VerifierKey next{keys_.origin(), rotation.next->public_key()};
  if (rotation.stage == Stage::kAnnounce) {
    // Nothing is announced that key.pub would not take.
    if (auto refused = LogKeys(keys_).hand_over_to(next); !refused.has_value()) {
      upkeep_failure_ = refused.error().what();
      return ok();
    }
    tell(key_rotated_event(clock_.wall(), {.from = keys_.current(), .to = next}), now);
    rotation.needs_size = files_.tree.size();
    rotation.stage = Stage::kVouch;
  }
  if (rotation.stage == Stage::kVouch) {
    if (files_.checkpointed < rotation.needs_size) CLV_TRY_VOID(checkpoint());
    LogKeys handed_over = keys_;
    CLV_TRY_VOID(handed_over.hand_over_to(next));
    CLV_TRY_VOID(keep_log_keys(disk_, handed_over));
    keys_ = std::move(handed_over);
    signer_ = rotation.next;
    rotation.stage = Stage::kTakeOver;
  }
  if (rotation.stage == Stage::kTakeOver) {
    tell(Event(clock_.wall(), "audit.key_in_use").add("key", next.text()).text(), now);
    rotation.needs_size = files_.tree.size();
    rotation.stage = Stage::kConfirm;
  }
  CLV_TRY_VOID(checkpoint());
  keys_.taken_over();
  key_rotation_.reset();
  return ok();
}

}  // namespace claviger::audit
