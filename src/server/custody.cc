// SPDX-License-Identifier: Apache-2.0
#include "server/custody.h"

namespace claviger::server {

Result<std::unique_ptr<Custody>> Custody::create(net::Loop& control, net::BufferPool& buffers,
                                                 SecretMemory& memory) {
  auto resolver = CLV_TRY(net::Resolver::create(control));
  return std::unique_ptr<Custody>(new Custody(control, buffers, memory, std::move(resolver)));
}

void Custody::watch_lives(const Clock& clock, telemetry::Log& log, std::function<void(audit::Event)> record) {
  desk_.emplace(gateway::CredentialDesk::Parts{
      .clock = clock, .lives = lives_, .log = log, .record = std::move(record), .save = [this](auto uses) {
        uses_.save(std::move(uses));
      }});
}

Result<void> Custody::open_tokens(net::Loop& control, gateway::TokenDesk::Surroundings around) {
  around.fetch = [this](http::FetchTarget target, http::FetchRequest request) {
    return http::fetch(fetching_, std::move(target), request, {.body = gateway::TokenDesk::kMostAnswer});
  };
  tokens_ = CLV_TRY(gateway::TokenDesk::create(std::move(around)));
  token_line_.emplace(control, *tokens_);
  return ok();
}

Result<void> Custody::open_sources(sources::Options options, vault::ProcessKey& key,
                                   vault::SecretSources& secrets, telemetry::Log& log,
                                   std::function<void(audit::Event)> record) {
  if (options.file.group_read) secrets.allow_group_read();
  sources_ =
      CLV_TRY(ExternalSources::create(std::move(options), {fetching_, key, secrets, log, std::move(record)}));
  return ok();
}

}  // namespace claviger::server
