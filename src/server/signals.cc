// SPDX-License-Identifier: Apache-2.0
#include "server/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace claviger::server {

Signals::Signals(net::Loop& control, base::Descriptor signals) noexcept
    : control_(control), signals_(std::move(signals)) {}

Signals::~Signals() {
  if (shut_down_) control_.remove(signals_.number());
}

Result<std::unique_ptr<Signals>> Signals::block(net::Loop& control) {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int each : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, each);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  base::Descriptor signals(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals.is_open()) return Error::from_errno(Code::kIo, Blame::kOperator, "waiting for signals", errno);
  return std::unique_ptr<Signals>(new Signals(control, std::move(signals)));
}

Result<void> Signals::watch(std::function<void()> reload, std::function<void()> shut_down) {
  CLV_TRY_VOID(control_.add(signals_.number(), net::Trigger::kLevel, *this));
  reload_ = std::move(reload);
  shut_down_ = std::move(shut_down);
  return ok();
}

void Signals::on_events(net::Events) noexcept {
  signalfd_siginfo info{};
  while (::read(signals_.number(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGHUP) reload_();
    else shut_down_();
  }
}

}  // namespace claviger::server
