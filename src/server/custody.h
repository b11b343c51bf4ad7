// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "gateway/credential_desk.h"
#include "gateway/credential_lives.h"
#include "gateway/token_desk.h"
#include "gateway/token_wait.h"
#include "http/fetch.h"
#include "net/buffer.h"
#include "net/endpoint.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "server/credential_uses.h"
#include "server/external_sources.h"
#include "server/process.h"

namespace claviger::server {

// What goes on with credentials beside calls, and what it is done with: tokens are fetched, external secrets read anew, states kept.
//
// Threads: the control thread's. Outlives the workers.
class Custody {
 public:
  static Result<std::unique_ptr<Custody>> create(net::Loop& control, net::BufferPool& buffers,
                                                 SecretMemory& memory);

  const http::FetchSurroundings& fetching() const noexcept { return fetching_; }

  // How each credential is, for worlds in the making; outlives them.
  gateway::CredentialLives& lives() noexcept { return lives_; }
  CredentialUses& uses() noexcept { return uses_; }
  // Tells of them; requires watch_lives(). Both references outlive this.
  void watch_lives(const Clock& clock, telemetry::Log& log, std::function<void(audit::Event)> record);
  gateway::CredentialDesk& desk() noexcept { return *desk_; }

  // Tokens, for all workers; requires open_tokens(). What its hooks need outlives this.
  Result<void> open_tokens(net::Loop& control, gateway::TokenDesk::Surroundings around);
  gateway::TokenDesk& tokens() noexcept { return *tokens_; }
  const gateway::TokenLine& token_line() const noexcept { return *token_line_; }

  // Secrets that lie elsewhere; requires open_sources(). All that it is given outlives this.
  Result<void> open_sources(sources::Options options, vault::ProcessKey& key, vault::SecretSources& secrets,
                            telemetry::Log& log, std::function<void(audit::Event)> record);
  ExternalSources& sources() noexcept { return *sources_; }

 private:
  Custody(net::Loop& control, net::BufferPool& buffers, SecretMemory& memory,
          std::unique_ptr<net::Resolver> resolver)
      : resolver_(std::move(resolver)), fetching_{control, *resolver_, buffers, memory.arena} {}

  std::unique_ptr<net::Resolver> resolver_;
  http::FetchSurroundings fetching_;
  gateway::CredentialLives lives_;
  CredentialUses uses_;
  std::optional<gateway::CredentialDesk> desk_;
  std::unique_ptr<ExternalSources> sources_;
  std::unique_ptr<gateway::TokenDesk> tokens_;
  std::optional<gateway::TokenLine> token_line_;
};

}  // namespace claviger::server
