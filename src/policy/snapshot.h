// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "http/message.h"
#include "policy/resources.h"

namespace claviger::policy {

// Positions in the snapshot's tables. Meaningless in another snapshot.
using UpstreamIndex = std::uint32_t;
using PrincipalIndex = std::uint32_t;

// An upstream and its credentials, in the order written. A new object whenever one of them changes, the same one
// otherwise: what is derived from it can be kept by comparing pointers.
struct Upstream {
  UpstreamResource resource;
  std::vector<CredentialResource> credentials;
};

struct Principal {
  std::string name;
  bool disabled = false;
  Management management = Management::kNone;
  bool has_certificates = false;  // of which it then has to show one
  std::vector<std::uint32_t> roles;  // indexes of role names
};

// The <id> of clv_<id>_..., in place.
struct KeyId {
  std::array<char, 8> chars{};
  const char* data() const noexcept { return chars.data(); }
  std::size_t size() const noexcept { return chars.size(); }
  operator std::string_view() const noexcept { return {chars.data(), chars.size()}; }
};

// As lean as can be: there may be a million.
struct ApiKey {
  KeyId id;
  crypto::Sha256Digest hash{};
  PrincipalIndex principal = 0;
  bool revoked = false;  // never of one that find_key() returns
  std::optional<WallTime> expires;
  std::vector<base::Cidr> cidrs;
};

struct Grant {
  std::string name;
  std::uint16_t known_methods = 0;  // bits by http::Method; never TRACE or CONNECT
  bool gives_other_methods = false;  // every method that http::Method does not know
  std::vector<std::string> other_methods;  // or these of them
  std::vector<Glob> paths;  // empty: all
  std::optional<Rate> rate;
  std::optional<Quota> quota;
  std::uint64_t limit_key = 0;  // stable across snapshots: of the grant's name
  std::optional<WallTime> expires;
};

// What no grant can give: methods that send a request back, credential and all, or ask for a tunnel. Some servers
// ignore their case.
bool is_never_granted(http::Method method, std::string_view text) noexcept;

struct SnapshotTables;

// The immutable view of all resources that requests are decided on. Every look-up costs the same however
// many there are of anything.
//
// A persistent structure: its tables are cut into shards that are shared between snapshots and never written once
// published. Draft makes the next one by copying the shards that a change touches, so one change among a million
// keys costs microseconds, and positions stay what they were for as long as the thing is there.
//
// Threads: any, once made.
// Secrets: none; hashes of API keys only.
class Snapshot {
 public:
  static std::shared_ptr<const Snapshot> empty();
  // Checks names and references across resources: duplicate names, ids and mounts, unknown principals and
  // upstreams. Errors name file, line and reason, and the first place of a duplicate.
  static Result<std::shared_ptr<const Snapshot>> compile(
      Resources resources, std::uint64_t revision);  // a Draft of nothing before

  std::uint64_t revision() const noexcept { return revision_; }

  // The key of that id, or nullptr. The caller compares hashes.
  const ApiKey* find_key(std::string_view id) const noexcept;
  const Principal& principal(PrincipalIndex index) const noexcept;
  // The principal that has this name of a client certificate (PrincipalResource::certificates).
  std::optional<PrincipalIndex> find_certificate(std::string_view name) const noexcept;

  // The upstream with the longest mount that is `path` or a prefix of it ending at a '/'.
  struct Route {
    UpstreamIndex upstream;
    std::string_view rest;  // what follows the mount: "" or "/..."; a view into `path`
  };
  std::optional<Route> route(std::string_view path) const noexcept;
  // By UpstreamIndex; null where one was removed.
  std::span<const std::shared_ptr<const Upstream>> upstreams() const noexcept;

  // By name: for management, not for requests.
  std::optional<PrincipalIndex> find_principal(std::string_view name) const noexcept;
  std::optional<UpstreamIndex> find_upstream(std::string_view name) const noexcept;
  std::vector<std::string_view> principal_names() const;  // in order
  // Every grant for the upstream that is given to the principal or a role of its, in the order written.
  std::vector<const Grant*> grants_of(PrincipalIndex principal, UpstreamIndex upstream) const;

  // The first grant, in the order written, that lets `principal` do this; nullptr when none does, or the path is refused to
  // everybody. `path` is the path below the mount ("/" when empty).
  const Grant* authorize(PrincipalIndex principal, UpstreamIndex upstream, http::Method method,
                         std::string_view method_text, std::string_view path, WallTime now) const noexcept;
  // The upstream's pattern that refuses `path` to everybody (its deny_paths); nullptr when none does.
  const std::string* denied_path(UpstreamIndex upstream, std::string_view path) const noexcept;

 private:
  friend class Draft;
  Snapshot(std::shared_ptr<const SnapshotTables> tables, std::uint64_t revision);

  std::shared_ptr<const SnapshotTables> tables_;
  std::uint64_t revision_;
};

}  // namespace claviger::policy
