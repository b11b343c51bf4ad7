// SPDX-License-Identifier: Apache-2.0
#include "server/endpoint_watch.h"

namespace claviger::server {

void EndpointWatch::look() {
  const Monotonic now = clock_.monotonic();
  std::map<Name, Told> still;
  for (const gateway::EndpointState& state : book_.endpoints()) {
    const Name name{state.upstream, state.endpoint};
    const auto known = told_.find(name);
    if (known == told_.end() && state.is_up) continue;
    Told told = known != told_.end() ? known->second : Told{};
    const bool may_tell = known == told_.end() || now - told.when >= kQuiet;
    if (state.is_up != told.is_up && may_tell) tell(name, state.is_up, told);
    // One that is up, and was for a while, is like any other.
    if (!told.is_up || now - told.when < kQuiet) still.emplace(name, told);
  }
  told_ = std::move(still);  // what is not there any more is not back either
}

void EndpointWatch::tell(const Name& name, bool is_up, Told& told) {
  const Monotonic now = clock_.monotonic();
  audit::Event event(clock_.wall(), is_up ? "upstream.endpoint_back" : "upstream.endpoint_out");
  event.add("upstream", name.first).add("endpoint", name.second);
  if (is_up) {
    const auto lasted = std::chrono::duration_cast<std::chrono::milliseconds>(now - told.when);
    event.add("after_ms", static_cast<std::uint64_t>(lasted.count()));
  }
  told = {.is_up = is_up, .when = now};
  record_(std::move(event));
}

}  // namespace claviger::server
