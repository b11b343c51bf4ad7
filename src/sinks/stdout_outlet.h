// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/file.h"
#include "net/loop.h"
#include "sinks/json_outlet.h"

namespace claviger::sinks {

// Writes to a descriptor that somebody else opened (standard output), never waiting in a system call for whoever reads it: a
// full pipe makes this sink late, and nothing else. The description is shared with others, so its flags are left alone.
//
// A pipe says nothing of what was read from it: what lies in it when its reader dies is gone.
class StdoutOutlet final : public JsonOutlet {
 public:
  // `fd` outlives it.
  StdoutOutlet(std::string origin, net::Loop& loop, int fd);

  net::Task<Result<void>> deliver(std::string_view records) override;

 private:
  class Writable;
  enum class Kind : std::uint8_t { kFile, kSocket, kOwn, kPolled };
  long write_some(std::string_view bytes) noexcept;

  net::Loop& loop_;
  const int fd_;
  base::Descriptor own_;  // the same pipe or terminal, opened anew not to block
  Kind kind_ = Kind::kPolled;
  bool is_torn_ = false;  // what was written ends within a line
};

}  // namespace claviger::sinks
