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

struct Upstream {
  UpstreamResource resource;
};

struct Principal {
  std::string name;
  bool disabled = false;
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
  std::optional<WallTime> expires;
  std::vector<base::Cidr> cidrs;
};

struct Grant {
  std::string name;
  std::uint16_t known_methods = 0;          // bits by http::Method; never TRACE or CONNECT
  bool gives_other_methods = false;         // every method that http::Method does not know
  std::vector<std::string> other_methods;   // or these of them
  std::vector<Glob> paths;           // empty: all
  std::optional<Rate> rate;
  std::uint64_t limit_key = 0;  // stable across snapshots: of the grant's name
  std::optional<WallTime> expires;
};

// The immutable view of all resources that requests are decided on. Every look-up costs the same however
// many there are of anything.
//
// Threads: any, once compiled.
// Secrets: none; hashes of API keys only.
class Snapshot {
 public:
  // Checks names and references across resources: duplicate names, ids and mounts, unknown principals and
  // upstreams. Errors name file, line and reason, and the first place of a duplicate.
  static Result<std::shared_ptr<const Snapshot>> compile(Resources resources, std::uint64_t revision);

  std::uint64_t revision() const noexcept { return revision_; }

  // The key of that id, or nullptr. The caller compares hashes.
  const ApiKey* find_key(std::string_view id) const noexcept;
  const Principal& principal(PrincipalIndex index) const noexcept { return principals_[index]; }

  // The upstream with the longest mount that is `path` or a prefix of it ending at a '/'.
  struct Route {
    UpstreamIndex upstream;
    std::string_view rest;  // what follows the mount: "" or "/..."; a view into `path`
  };
  std::optional<Route> route(std::string_view path) const noexcept;
  std::span<const Upstream> upstreams() const noexcept { return upstreams_; }
  const std::vector<CredentialResource>& credentials() const noexcept { return credentials_; }

  // The first grant, in the order written, that lets `principal` do this; nullptr when none does.
  // `path` is the path below the mount ("/" when empty).
  const Grant* authorize(PrincipalIndex principal, UpstreamIndex upstream, http::Method method,
                         std::string_view method_text, std::string_view path, WallTime now) const noexcept;

 private:
  struct Index;
  Snapshot();
  std::uint64_t revision_ = 0;
  std::vector<Upstream> upstreams_;
  std::vector<CredentialResource> credentials_;
  std::vector<Principal> principals_;
  std::vector<ApiKey> keys_;
  std::vector<Grant> grants_;
  std::unique_ptr<const Index> index_;

 public:
  ~Snapshot();
};

}  // namespace claviger::policy
