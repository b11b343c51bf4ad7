// SPDX-License-Identifier: Apache-2.0
#include "server/shutdown.h"

#include <utility>

namespace claviger::server {
namespace {

constexpr auto kEndings = std::chrono::milliseconds(200);  // for ends of calls to be written and recorded
constexpr auto kMostRecording = std::chrono::seconds(2);

}  // namespace

Shutdown::Shutdown(Parts parts) : parts_(std::move(parts)), timer_(parts_.control) {}

void Shutdown::ask(const Times& times) {
  if (std::exchange(begun_, true)) return end();
  parts_.log.info("draining", {{"connections", parts_.connections()},
                               {"drain_delay_ms", times.delay.count()},
                               {"drain_timeout_ms", times.timeout.count()}});
  if (times.delay.count() == 0) return drain(times.timeout);
  timer_.start(times.delay, [this, timeout = times.timeout] { drain(timeout); });
}

void Shutdown::drain(std::chrono::milliseconds timeout) {
  timer_.start(timeout, [this] {
    parts_.log.warning("drain_timeout", {{"connections", parts_.connections()}});
    end();
  });
  parts_.drain([this] { end(); });
}

// Ends what is left, and gives the ends a moment to be written and recorded. Signals, time-out and the last connection may all
// come to it: the first counts.
void Shutdown::end() {
  if (std::exchange(ending_, true)) return;
  parts_.end_calls();
  timer_.start(parts_.connections() == 0 ? std::chrono::milliseconds(0) : kEndings,
               [this] { stop_once_recorded(parts_.control.now() + kMostRecording); });
}

// What management did is in the store for good; the log should have it, too, before the process goes.
void Shutdown::stop_once_recorded(Monotonic latest) {
  if (parts_.is_recorded() || parts_.control.now() >= latest) return parts_.control.stop();
  timer_.start(std::chrono::milliseconds(50), [this, latest] { stop_once_recorded(latest); });
}

}  // namespace claviger::server
