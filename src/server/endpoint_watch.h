// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "audit/event.h"
#include "base/clock.h"
#include "gateway/upstream_book.h"

namespace claviger::server {

// Has it recorded when an address of an upstream is taken out, by one worker at least, and when it is back with all of them. One that
// comes and goes is told of every ten seconds, as it is by then: whoever runs an upstream is not to say how much of the log it takes.
//
// Threads: the control thread's.
class EndpointWatch {
 public:
  static constexpr std::chrono::seconds kQuiet{10};

  EndpointWatch(const Clock& clock, const gateway::UpstreamBook& book,
                std::function<void(audit::Event)> record)
      : clock_(clock), book_(book), record_(std::move(record)) {}

  // Once a second.
  void look();

 private:
  struct Told {
    bool is_up = true;
    Monotonic when{};
  };
  using Name = std::pair<std::string, std::string>;  // upstream, endpoint
  void tell(const Name& name, bool is_up, Told& told);

  const Clock& clock_;
  const gateway::UpstreamBook& book_;
  std::function<void(audit::Event)> record_;
  std::map<Name, Told> told_;  // those that were told to be out, now or a moment ago
};

}  // namespace claviger::server
