// SPDX-License-Identifier: Apache-2.0
#include "server/overload_watch.h"

#include <utility>

namespace claviger::server {

OverloadWatch::OverloadWatch(net::Loop& control, telemetry::Log& log, Overload& overload,
                             std::function<void(bool waits)> changed, std::function<void()> shed)
    : log_(log), overload_(overload), changed_(std::move(changed)), shed_(std::move(shed)), timer_(control) {}

void OverloadWatch::look() {
  using Level = Overload::Level;
  const Level before = overload_.level();
  if (overload_.look()) {
    const Level now = overload_.level();
    if (before == Level::kShedding || now == Level::kShedding) {
      say();
      shed_();
    }
    if (before == Level::kEnough || now == Level::kEnough) changed_(now != Level::kEnough);
  }
  timer_.start(kEvery, [this] { look(); });
}

void OverloadWatch::say() noexcept {
  const Overload::Usage& usage = overload_.usage();
  const Overload::Limits& limits = overload_.limits();
  if (!overload_.is_shedding())
    return log_.info("shedding_ended", {{"memory", usage.memory}, {"descriptors", usage.descriptors}});
  log_.warning("shedding_began", {{"reason", overload_.reason()},
                                  {"memory", usage.memory},
                                  {"memory_limit", limits.memory},
                                  {"descriptors", usage.descriptors},
                                  {"descriptors_limit", limits.descriptors},
                                  {"detail", "calls get 503 and connections wait; it ends by itself"}});
}

}  // namespace claviger::server
