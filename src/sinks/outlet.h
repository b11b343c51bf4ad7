// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "audit/reader.h"
#include "base/result.h"
#include "net/task.h"

namespace claviger::sinks {

// Where a sink's records go: a file, a pipe, a peer. It keeps nothing of its own: what was not taken is handed over again.
//
// Threads: the sinks' loop's, where it is destroyed, too; its tasks may be destroyed at any time.
class Outlet {
 public:
  virtual ~Outlet() = default;

  // One record as it goes out, appended.
  virtual void write_event(std::string& out, std::uint64_t number, std::string_view line) const = 0;
  virtual void write_checkpoint(std::string& out, const audit::SignedCheckpoint& checkpoint) const = 0;

  // Whole records, one or more. Done when all of it was taken; in case of an error any part of it may have been. Bounded in
  // time where there is a peer. Blame: operator, when it will not do before somebody changes something.
  virtual net::Task<Result<void>> deliver(std::string_view records) = 0;
  // What was delivered outlasts a crash of this machine, as far as that is here. Blocks.
  virtual Result<void> make_durable() { return ok(); }

  // How long what was delivered is held in doubt, for a peer that does not say that it has it; and what has come since that
  // puts it in doubt. Where something has, all that is younger is sent again.
  virtual std::chrono::milliseconds doubt() const noexcept { return {}; }
  virtual Result<void> still_good() { return ok(); }

  // At the next delivery, what is written to is opened anew.
  virtual void reopen() noexcept {}
};

}  // namespace claviger::sinks
