// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "sinks/outlet.h"
#include "sinks/record.h"

namespace claviger::sinks {

// What writes records as they are, one on each line (NDJSON).
class JsonOutlet : public Outlet {
 public:
  explicit JsonOutlet(std::string origin) : origin_(std::move(origin)) {}

  void write_event(std::string& out, std::uint64_t number, std::string_view line) const final {
    append_event(out, origin_, number, line);
    out += '\n';
  }
  void write_checkpoint(std::string& out, const audit::SignedCheckpoint& checkpoint) const final {
    append_checkpoint(out, origin_, checkpoint);
    out += '\n';
  }

 private:
  const std::string origin_;
};

}  // namespace claviger::sinks
