// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

namespace claviger::gateway {

// Why: it must not go on, or it has gone on for too long.
enum class Interrupted : std::uint8_t { kTakenBack, kOutOfTime };

// Somebody who waits, and can be made to stop.
class Interruptible {
 public:
  // Ends the wait, here and now. It may be the end of this object, too.
  virtual void interrupt(Interrupted why) noexcept = 0;

 protected:
  ~Interruptible() = default;
};

// Where one side says what it waits for at the moment, and the other ends it.
// Threads: one worker's.
class Interruption {
 public:
  void waits_in(Interruptible* what) noexcept { what_ = what; }  // null: nowhere
  bool has_come() const noexcept { return has_come_; }
  void interrupt(Interrupted why = Interrupted::kTakenBack) noexcept {
    has_come_ = true;
    if (what_ != nullptr) std::exchange(what_, nullptr)->interrupt(why);
  }

 private:
  Interruptible* what_ = nullptr;
  bool has_come_ = false;
};

}  // namespace claviger::gateway
