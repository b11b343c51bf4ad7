// SPDX-License-Identifier: Apache-2.0
#include "server/reload.h"

#include <utility>

#include "server/config_changes.h"

namespace claviger::server {

void Reload::ask() {
  asked_ = true;
  if (!runs_ && !stopped_) net::spawn(run());
}

net::Task<void> Reload::run() {
  runs_ = true;
  while (std::exchange(asked_, false) && !stopped_) steps_.report(co_await once());
  runs_ = false;
}

// Resources go last of what can fail: once they are read they are in force.
net::Task<Result<Reload::Outcome>> Reload::once() {
  Config wanted = CLV_CO_TRY(steps_.read_config());
  const ConfigChanges changes = compare(running_, wanted);
  CLV_CO_TRY_VOID(check_can_be_taken_over(changes));
  Certificates certificates = CLV_CO_TRY(steps_.read_certificates(wanted));
  const std::uint64_t revision = CLV_CO_TRY(co_await steps_.read_resources());
  co_await steps_.take_over(std::move(wanted), std::move(certificates));
  co_return Outcome{revision, join_names(changes.live)};
}

}  // namespace claviger::server
