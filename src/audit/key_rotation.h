// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "audit/signer.h"

namespace claviger::audit {

// How far the writer is with handing the log over to another key. Each step is durable before the next begins, a step that
// failed is what the next turn begins with, and a log that is opened after a crash goes on where key.pub says it was.
struct KeyRotation {
  enum class Stage : std::uint8_t {
    kAnnounce,  // the event "audit.key_rotated" is to be written
    kVouch,  // the old key is to sign a checkpoint that covers it; then key.pub gets the new one
    kTakeOver,  // the new key signs: the event "audit.key_in_use" is to be written
    kConfirm,  // the new key is to sign a checkpoint that covers that
  };
  Signer* next = nullptr;  // outlives the log
  Stage stage = Stage::kAnnounce;
  std::uint64_t needs_size = 0;  // the checkpoint that is waited for is of so many events
};

}  // namespace claviger::audit
