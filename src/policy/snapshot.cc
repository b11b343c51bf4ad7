// SPDX-License-Identifier: Apache-2.0
#include "policy/snapshot.h"

#include <algorithm>
#include <span>

#include "base/check.h"
#include "crypto/random.h"
#include "policy/grant_rules.h"
#include "policy/snapshot_tables.h"

namespace claviger::policy {
namespace {

bool lets_through(const Grant& grant, http::Method method, std::string_view text, std::string_view path,
                  WallTime now) noexcept {
  return gives_method(grant, method, text) && !has_expired(grant, now) && gives_path(grant, path);
}

}  // namespace

bool SnapshotTables::has(Kind kind, std::string_view name) const noexcept {
  switch (kind) {
    case Kind::kUpstream:
      return find_named(upstream_names, name) != nullptr;
    case Kind::kCredential:
      return find_named(credentials, name) != nullptr;
    case Kind::kPrincipal:
      return find_named(principal_names, name) != nullptr;
    case Kind::kApiKey:
      return find_key(name) != nullptr;
    case Kind::kGrant:
      return find_grant(name) != nullptr;
  }
  return false;
}

Snapshot::Snapshot(std::shared_ptr<const SnapshotTables> tables, std::uint64_t revision)
    : tables_(std::move(tables)), revision_(revision) {}

std::shared_ptr<const Snapshot> Snapshot::empty() {
  HashSeed seed;
  crypto::random_bytes(std::as_writable_bytes(std::span(&seed, 1)));
  return std::shared_ptr<const Snapshot>(new Snapshot(std::make_shared<const SnapshotTables>(seed), 0));
}

const ApiKey* Snapshot::find_key(std::string_view id) const noexcept {
  const ApiKey* key = tables_->find_key(id);
  return key == nullptr || key->revoked ? nullptr : key;
}

const Principal& Snapshot::principal(PrincipalIndex index) const noexcept {
  CLV_CHECK(index < tables_->principals_end);
  const PlacedPrincipal* placed = tables_->principal(index).placed.get();
  CLV_CHECK(placed != nullptr);
  return placed->principal;
}

std::span<const std::shared_ptr<const Upstream>> Snapshot::upstreams() const noexcept {
  return *tables_->upstreams;
}

std::optional<Snapshot::Route> Snapshot::route(std::string_view path) const noexcept {
  std::array<std::size_t, kMaxMountSegments> ends{};  // of the first segments
  std::size_t segments = 0;
  if (!path.starts_with('/')) return std::nullopt;
  for (std::size_t slash = 0; slash != std::string_view::npos && segments < kMaxMountSegments;) {
    slash = path.find('/', slash + 1);
    ends[segments++] = std::min(slash, path.size());
  }
  for (; segments > 0; --segments) {
    if (tables_->mounts_of_segments[segments] == 0) continue;
    const std::size_t end = ends[segments - 1];
    const NamedAt* mount = find_named(tables_->mounts, path.substr(0, end));
    if (mount != nullptr) return Route{.upstream = mount->at, .rest = path.substr(end)};
  }
  return std::nullopt;
}

const std::string* Snapshot::denied_path(UpstreamIndex upstream, std::string_view path) const noexcept {
  const Upstreams& upstreams = *tables_->upstreams;
  CLV_CHECK(upstream < upstreams.size() && upstreams[upstream] != nullptr);
  return upstreams[upstream]->resource.deny_paths.find(path);
}

const Grant* Snapshot::authorize(PrincipalIndex principal, UpstreamIndex upstream, http::Method method,
                                 std::string_view method_text, std::string_view path,
                                 WallTime now) const noexcept {
  const Principal& who = this->principal(principal);
  if (who.disabled) return nullptr;
  if (path.empty()) path = "/";
  if (denied_path(upstream, path) != nullptr) return nullptr;

  const PlacedGrant* first = nullptr;  // the earliest grant that fits, so far
  const auto consider = [&](Subject subject) {
    const GrantedPair* pair = tables_->find_pair(pair_of(subject, upstream));
    if (pair == nullptr) return;
    for (const SharedGrant& candidate : pair->grants) {
      if (first != nullptr && candidate->sequence >= first->sequence) return;
      if (lets_through(candidate->grant, method, method_text, path, now)) {
        first = candidate.get();
        return;
      }
    }
  };
  consider(principal);
  for (const std::uint32_t role : who.roles) consider(kRole | role);
  return first == nullptr ? nullptr : &first->grant;
}

std::optional<PrincipalIndex> Snapshot::find_principal(std::string_view name) const noexcept {
  const NamedAt* found = find_named(tables_->principal_names, name);
  return found == nullptr ? std::nullopt : std::optional(found->at);
}

std::optional<UpstreamIndex> Snapshot::find_upstream(std::string_view name) const noexcept {
  const NamedAt* found = find_named(tables_->upstream_names, name);
  return found == nullptr ? std::nullopt : std::optional(found->at);
}

std::optional<PrincipalIndex> Snapshot::find_certificate(std::string_view name) const noexcept {
  if (tables_->certificates.size() == 0) return std::nullopt;
  const NamedAt* found = find_named(tables_->certificates, name);
  return found == nullptr ? std::nullopt : std::optional(found->at);
}

std::vector<std::string_view> Snapshot::principal_names() const {
  std::vector<std::string_view> names;
  names.reserve(tables_->principal_names.size());
  tables_->principal_names.for_each([&](const NamedAt& row) { names.push_back(row.name); });
  std::ranges::sort(names);
  return names;
}

std::vector<const Grant*> Snapshot::grants_of(PrincipalIndex principal, UpstreamIndex upstream) const {
  std::vector<const PlacedGrant*> found;
  const auto collect = [&](Subject subject) {
    const GrantedPair* pair = tables_->find_pair(pair_of(subject, upstream));
    if (pair == nullptr) return;
    for (const SharedGrant& grant : pair->grants) found.push_back(grant.get());
  };
  collect(principal);
  for (const std::uint32_t role : this->principal(principal).roles) collect(kRole | role);
  std::ranges::sort(found, {}, &PlacedGrant::sequence);
  std::vector<const Grant*> grants;
  grants.reserve(found.size());
  for (const PlacedGrant* grant : found) grants.push_back(&grant->grant);
  return grants;
}

}  // namespace claviger::policy
