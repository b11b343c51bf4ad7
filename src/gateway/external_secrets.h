// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/world.h"
#include "policy/resources.h"

namespace claviger::gateway {

// Secrets of credentials that say `from`: they lie elsewhere, and may change there at any time (sources/desk.h).
// Threads: the control thread's.
class ExternalSecrets : public SecretProvider {
 public:
  // Whether the configuration lets such a credential have its secret, and send it where the upstream and its settings say. kInvalid.
  virtual Result<void> check(const policy::CredentialResource& credential,
                             const policy::UpstreamResource& upstream) const = 0;
  // They are wanted from now on. Before the gateway serves anybody, waits for those that lie on the network, for a while.
  virtual void want(std::span<const std::string> froms) = 0;
  // Of others than those of this world nothing is kept.
  virtual void keep_only(const World& world) = 0;
  // Puts in which value it is, and since when.
  virtual void settle(policy::CredentialResource& credential) const = 0;

  // How it stands with a value, for people. Threads: any.
  struct Shown {
    std::uint32_t version = 0;
    WallTime changed{};
    std::string fault;  // what is wrong with its source, and until when the value is kept; empty: nothing
  };
  virtual Shown shown(std::string_view from) const = 0;

  // What is offered is what read() and settle() give, until it is taken, or refused with the reason: in the same turn of the loop.
  virtual void try_on(std::string_view from) = 0;
  virtual void take(std::string_view from) = 0;
  virtual void refuse(std::string_view from, std::string why) = 0;
};

struct RenewedWorld {
  std::shared_ptr<const World> world;
  std::vector<UnusableCredential> unusable;
};

// `now` with the value that is offered for `from`, or without the one that is gone; nothing else is touched. A value that one of
// its credentials cannot use is refused, and then this is kInvalid.
// Requires: settings.external. Threads: the control thread's.
Result<RenewedWorld> renew_world(const World& now, const std::string& from, const WorldSettings& settings,
                                 vault::ProcessKey& key, SecretProvider& secrets);

}  // namespace claviger::gateway
