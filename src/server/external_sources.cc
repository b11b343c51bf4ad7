// SPDX-License-Identifier: Apache-2.0
#include "server/external_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/parse.h"
#include "gateway/destination.h"
#include "http/path.h"

namespace claviger::server {
namespace {

// As a rule says it: in the clear is somewhere else than over TLS.
std::string destination_of(const http::BaseUrl& url) { return (url.tls ? "" : "http://") + url.authority; }

// Wherever settings send a secret they say so with a URL: every one is a destination, whatever it is for.
void add_urls(const base::Document& node, std::vector<std::string>& out) {
  if (node.type == base::Document::Type::kScalar && node.scalar.find("://") != std::string::npos) {
    const auto url = http::parse_base_url(node.scalar.substr(0, node.scalar.find_first_of("?#")));
    out.push_back(url.has_value() ? destination_of(*url) : node.scalar);
  }
  for (const base::Document& item : node.items) add_urls(item, out);
  for (const auto& [name, value] : node.entries) add_urls(value, out);
}

std::string fault_of(const sources::ValueState& state) {
  if (state.fault.empty()) return {};
  std::string text = fmt::format("its source {} fails since {}: {}", state.from,
                                 base::format_rfc3339(state.failing_since), state.fault);
  if (state.good_until)
    text += fmt::format("; its last good value is used until {}", base::format_rfc3339(*state.good_until));
  return text;
}

}  // namespace

Result<std::unique_ptr<ExternalSources>> ExternalSources::create(sources::Options options, Parts parts) {
  std::unique_ptr<ExternalSources> made(new ExternalSources(std::move(parts)));
  const Parts& kept = made->parts_;
  made->desk_ = CLV_TRY(sources::SourceDesk::create(std::move(options), kept.around, kept.key, kept.secrets));
  return made;
}

// --- For worlds ----------------------------------------------------------------------------------

Result<base::SecretBytes> ExternalSources::read(const policy::CredentialResource& credential,
                                                std::string_view) {
  return desk_->read(credential.from);
}

Result<void> ExternalSources::check(const policy::CredentialResource& credential,
                                    const policy::UpstreamResource& upstream) const {
  std::vector<std::string> destinations{destination_of(upstream.base_url)};
  for (const http::BaseUrl& other : upstream.other_base_urls) destinations.push_back(destination_of(other));
  add_urls(gateway::auth_of(credential, upstream), destinations);
  return desk_->check_allowed(credential.from, destinations);
}

void ExternalSources::want(std::span<const std::string> froms) {
  for (const std::string& from : froms) desk_->want(from);
  if (!has_started_) desk_->read_at_start();
  show();
}

void ExternalSources::keep_only(const gateway::World& world) {
  std::set<std::string, std::less<>> froms;
  for (const auto& upstream : world.policy->upstreams()) {
    if (!upstream) continue;
    for (const policy::CredentialResource& credential : upstream->credentials)
      if (!credential.from.empty()) froms.insert(credential.from);
  }
  desk_->keep_only(froms);
  show();
}

void ExternalSources::settle(policy::CredentialResource& credential) const {
  credential.version = desk_->version(credential.from);
  credential.set_at = desk_->changed(credential.from);
}

gateway::ExternalSecrets::Shown ExternalSources::shown(std::string_view from) const {
  const std::lock_guard lock(mutex_);
  const auto found = shown_.find(from);
  return found != shown_.end() ? found->second : Shown{};
}

void ExternalSources::show() {
  std::map<std::string, Shown, std::less<>> now;
  for (const sources::ValueState& state : desk_->states())
    now.emplace(state.from, Shown{state.has_value ? state.version : 0, state.changed, fault_of(state)});
  const std::lock_guard lock(mutex_);
  shown_ = std::move(now);
}

// --- Side-car mode -------------------------------------------------------------------------------

Result<void> ExternalSources::read_anew(policy::Resources& resources) {
  std::vector<std::string> froms;
  for (const policy::CredentialResource& credential : resources.credentials)
    if (!credential.from.empty()) froms.push_back(credential.from);
  tried_ = froms;
  want(froms);
  for (policy::CredentialResource& credential : resources.credentials) {
    if (credential.from.empty()) continue;
    if (has_started_) {
      if (const auto read = desk_->read_anew(credential.from); !read.has_value())
        return base::invalid_at(credential.place,
                                "credential '" + credential.name + "': " + std::string(read.error().what()));
      desk_->try_on(credential.from);
    }
    settle(credential);
  }
  return ok();
}

void ExternalSources::settled(bool is_in_force) {
  for (const std::string& from : std::exchange(tried_, {}))
    is_in_force ? desk_->take(from) : desk_->put_back(from);
}

// --- What is told --------------------------------------------------------------------------------

void ExternalSources::start(std::function<void(const std::string& from)> renew,
                            std::function<std::shared_ptr<const gateway::World>()> world) {
  has_started_ = true;
  world_ = std::move(world);
  for (const sources::ValueState& state : desk_->states()) report({}, state);
  desk_->start({.offered = std::move(renew),
                .report = [this](const auto& before, const auto& now) { report(before, now); }});
}

void ExternalSources::read_soon() {
  for (const sources::ValueState& state : desk_->states()) (void)desk_->read_anew(state.from);
  desk_->read_soon();
}

void ExternalSources::report(const sources::ValueState& before, const sources::ValueState& now) {
  show();
  const WallTime time = parts_.around.loop.clock().wall();
  const bool was_told = !before.from.empty();
  if (!now.fault.empty() && (before.fault.empty() || (before.has_value && !now.has_value))) {
    const std::string until = now.good_until ? base::format_rfc3339(*now.good_until) : std::string();
    parts_.log.warning("source_failed", {{"source", now.from}, {"reason", now.fault}, {"kept_until", until}});
    parts_.record(audit::Event(time, "source.failed")
                      .add("source", now.from)
                      .add("reason", now.fault)
                      .add("kept_until", until));
  }
  if (was_told && now.fault.empty() && !before.fault.empty()) {
    parts_.log.info("source_recovered", {{"source", now.from}});
    parts_.record(audit::Event(time, "source.recovered").add("source", now.from));
  }
  if (!was_told || before.version == 0 || now.version == before.version) return;
  for (const auto& upstream : world_()->policy->upstreams()) {
    if (!upstream) continue;
    for (const policy::CredentialResource& credential : upstream->credentials) {
      if (credential.from != now.from) continue;
      parts_.log.info("credential_secret_changed", {{"credential", credential.name}, {"source", now.from}});
      parts_.record(audit::Event(time, "credential.secret_changed")
                        .add("credential", credential.name)
                        .add("source", now.from)
                        .add("version", std::uint64_t{now.version}));
    }
  }
}

std::string ExternalSources::expose() const { return sources::expose(desk_->states(), desk_->counts()); }

}  // namespace claviger::server
