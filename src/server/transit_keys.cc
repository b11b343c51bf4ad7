// SPDX-License-Identifier: Apache-2.0
#include "server/transit_keys.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "net/buffer.h"
#include "net/resolver.h"
#include "server/master_keys.h"
#include "sources/transit.h"

namespace claviger::server {
namespace {

constexpr std::chrono::milliseconds kFirstPause{500};
constexpr std::chrono::milliseconds kLongestPause{10'000};
constexpr std::chrono::milliseconds kGlance{100};

using Transit = sources::Transit;

Result<std::unique_ptr<Transit>> transit_of(MasterKeys& keys) {
  if (!keys.config().transit)
    return Error(Code::kInvalid, Blame::kOperator,
                 "transit: say where Vault or OpenBao is (master_key.transit.address)");
  return Transit::create(*keys.config().transit, keys.secrets(), *keys.memory().key);
}

Result<vault::MasterKey> keep(MasterKeys& keys, Transit::NewKey made) {
  auto key = CLV_TRY(vault::MasterKey::of(std::move(made.key), keys.memory().arena));
  CLV_TRY_VOID(keys.files().write(keys.files().wrapped(key.id()), made.wrapped));
  return key;
}

// A loop that runs for the sake of one request.
class OwnLoop {
 public:
  static Result<std::unique_ptr<OwnLoop>> create(base::SecretArena& arena) {
    auto own = std::make_unique<OwnLoop>();
    own->loop_ = CLV_TRY(net::Loop::create(own->clock_));
    own->resolver_ = CLV_TRY(net::Resolver::create(*own->loop_));
    own->around_.emplace(*own->loop_, *own->resolver_, own->buffers_, arena);
    return own;
  }
  const http::FetchSurroundings& around() const noexcept { return *around_; }

  template <class T>
  T run(net::Task<T> task) {
    std::optional<T> outcome;
    net::spawn(keep(std::move(task), outcome));
    while (!outcome) loop_->turn(kGlance);
    return *std::move(outcome);
  }

  // False when somebody wants the process to end meanwhile.
  bool pause(std::chrono::milliseconds time) {
    for (const Monotonic until = clock_.monotonic() + time; clock_.monotonic() < until;
         loop_->turn(kGlance)) {
      sigset_t pending;
      if (::sigpending(&pending) == 0 &&
          (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1))
        return false;
    }
    return true;
  }

 private:
  template <class T>
  static net::Task<void> keep(net::Task<T> task, std::optional<T>& into) {
    into.emplace(co_await std::move(task));
  }

  SystemClock clock_;
  net::BufferPool buffers_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Resolver> resolver_;
  std::optional<http::FetchSurroundings> around_;
};

bool may_pass(const Error& error) noexcept {
  const bool is_theirs = error.code() == Code::kUpstreamFailed || error.code() == Code::kUpstreamTimeout;
  return is_theirs && error.blame() == Blame::kUpstream;
}

// Until it is done, or cannot be, or took too long.
template <class T>
Result<T> insist(MasterKeys& keys,
                 const std::function<net::Task<Result<T>>(const http::FetchSurroundings&)>& once) {
  const auto own = CLV_TRY(OwnLoop::create(keys.memory().arena));
  const SystemClock clock;
  const Monotonic latest = clock.monotonic() + keys.config().transit->patience;
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    auto outcome = own->run(once(own->around()));
    if (outcome.has_value() || !may_pass(outcome.error())) return outcome;
    if (clock.monotonic() + pause > latest || !own->pause(pause)) return outcome;
  }
}

}  // namespace

Result<vault::MasterKey> unwrap_by_transit(MasterKeys& keys, const KeySource& source, const std::string& id) {
  const std::string file = keys.files().wrapped(id);
  const auto wrapped = keys.files().read(file);
  if (!wrapped.has_value()) return wrapped.error().within("master key " + id + " as transit wrapped it");
  if (!Transit::is_wrapped(*wrapped))
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            file + " is nothing that transit wrapped: put it back");
  const auto transit = CLV_TRY(transit_of(keys));
  auto key = CLV_TRY(insist<base::SecretBytes>(keys, [&](const http::FetchSurroundings& around) {
    return transit->unwrap(around, source.what, *wrapped);
  }));
  return vault::MasterKey::of(std::move(key), keys.memory().arena);
}

Result<vault::MasterKey> make_by_transit(MasterKeys& keys, const KeySource& source) {
  const auto transit = CLV_TRY(transit_of(keys));
  auto made = CLV_TRY(insist<Transit::NewKey>(
      keys, [&](const http::FetchSurroundings& around) { return transit->draw(around, source.what); }));
  return keep(keys, std::move(made));
}

net::Task<Result<vault::MasterKey>> make_by_transit(MasterKeys& keys, KeySource source,
                                                    const http::FetchSurroundings& around) {
  const auto transit = CLV_CO_TRY(transit_of(keys));
  auto made = CLV_CO_TRY(co_await transit->draw(around, source.what));
  co_return keep(keys, std::move(made));
}

}  // namespace claviger::server
