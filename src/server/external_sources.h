// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "gateway/external_secrets.h"
#include "sources/desk.h"
#include "telemetry/log.h"

namespace claviger::server {

// The desk of secrets that lie elsewhere, for worlds: what credentials they are, where they may go, and what is told of them.
//
// Threads: the control thread's, but for shown().
class ExternalSources final : public gateway::ExternalSecrets {
 public:
  struct Parts {
    const http::FetchSurroundings& around;
    vault::ProcessKey& key;
    vault::SecretSources& secrets;
    telemetry::Log& log;
    std::function<void(audit::Event)> record;
  };
  // kInvalid. Requires: all that is borrowed outlives it.
  static Result<std::unique_ptr<ExternalSources>> create(sources::Options options, Parts parts);

  Result<base::SecretBytes> read(const policy::CredentialResource& credential, std::string_view) override;
  Result<void> check(const policy::CredentialResource& credential,
                     const policy::UpstreamResource& upstream) const override;
  void want(std::span<const std::string> froms) override;
  void keep_only(const gateway::World& world) override;
  void settle(policy::CredentialResource& credential) const override;
  Shown shown(std::string_view from) const override;
  void try_on(std::string_view from) override { desk_->try_on(from); }
  void take(std::string_view from) override { desk_->take(from); }
  void refuse(std::string_view from, std::string why) override { desk_->refuse(from, std::move(why)); }

  // Side-car mode, where all resources are read from files: their secrets, too, those on the network apart, which are what they were.
  // kInvalid at the place of a credential whose source gives none. What is read is tried on until settled().
  Result<void> read_anew(policy::Resources& resources);
  void settled(bool is_in_force);

  // From now on what changes is told: `renew` has a world made with it, and `world` is the one in force.
  void start(std::function<void(const std::string& from)> renew,
             std::function<std::shared_ptr<const gateway::World>()> world);
  // Whether a world has to be made for it still.
  bool is_due(std::string_view from) const noexcept { return desk_->is_due(from); }
  // What lies on the network, or in files, is read again soon (SIGHUP).
  void read_soon();
  std::string expose() const;

 private:
  explicit ExternalSources(Parts parts) : parts_(std::move(parts)) {}
  void report(const sources::ValueState& before, const sources::ValueState& now);
  void show();

  Parts parts_;
  std::unique_ptr<sources::SourceDesk> desk_;
  std::vector<std::string> tried_;
  bool has_started_ = false;
  std::function<std::shared_ptr<const gateway::World>()> world_;
  mutable std::mutex mutex_;
  std::map<std::string, Shown, std::less<>> shown_;
};

}  // namespace claviger::server
