// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a Snapshot is made of. Internal to policy.

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/hash_shards.h"
#include "policy/snapshot.h"

namespace claviger::policy {

inline constexpr std::uint32_t kNowhere = UINT32_MAX;  // of positions
inline constexpr std::size_t kMaxMountSegments = 4;    // resources.h

// Who a grant is given to: principals are numbered from 0, roles from kRole.
using Subject = std::uint32_t;
inline constexpr Subject kRole = 0x8000'0000;

inline std::uint64_t hash_key_id(const HashSeed& seed, std::string_view id) noexcept {  // Requires: 8 bytes
  std::uint64_t word = 0;
  std::memcpy(&word, id.data(), sizeof word);
  return mix(word ^ seed.k0);
}
inline std::uint64_t hash_of(const HashSeed& seed, const ApiKey& key) noexcept {
  return hash_key_id(seed, key.id);
}

// Where what has a name stands.
struct NamedAt {
  std::string name;
  std::uint32_t at;
};
inline std::uint64_t hash_of(const HashSeed& seed, const NamedAt& row) noexcept {
  return hash_text(seed, row.name);
}

struct NamedCredential {
  std::string name;
  UpstreamIndex upstream;
  std::uint64_t sequence;  // what was written earlier has a smaller one
};
inline std::uint64_t hash_of(const HashSeed& seed, const NamedCredential& row) noexcept {
  return hash_text(seed, row.name);
}

// Roles are not declared: a name has a number while a principal or a grant mentions it.
struct Role {
  std::string name;
  std::uint32_t number;
  std::uint32_t uses;
};
inline std::uint64_t hash_of(const HashSeed& seed, const Role& row) noexcept {
  return hash_text(seed, row.name);
}

struct PlacedGrant {
  Grant grant;
  std::string role;  // empty: a principal's
  Subject subject;
  UpstreamIndex upstream;
  std::uint64_t sequence;
};
using SharedGrant = std::shared_ptr<const PlacedGrant>;
inline std::uint64_t hash_of(const HashSeed& seed, const SharedGrant& row) noexcept {
  return hash_text(seed, row->grant.name);
}

// The grants of one subject for one upstream, in the order written.
struct GrantedPair {
  std::uint64_t pair;
  std::vector<SharedGrant> grants;
};
constexpr std::uint64_t pair_of(Subject subject, UpstreamIndex upstream) noexcept {
  return std::uint64_t{subject} << 32 | upstream;
}
inline std::uint64_t hash_of(const HashSeed& seed, const GrantedPair& row) noexcept {
  return mix(row.pair ^ seed.k1);
}

struct PlacedPrincipal {
  Principal principal;
  std::vector<std::string> roles;  // by name, each once
  std::vector<std::string> certificates;  // names in them, each once
};
struct PrincipalRow {
  std::shared_ptr<const PlacedPrincipal> placed;  // null where one was removed
  std::uint32_t keys = 0;  // that are its own and not revoked
  std::uint32_t grants = 0;  // given to it by name
  std::uint32_t next_free = kNowhere;
};

// Finds the row of a table whose rows have names.
template <class Row, std::size_t kRows>
const Row* find_named(const HashShards<Row, kRows>& table, std::string_view name) noexcept {
  return table.find(hash_text(table.seed(), name), [&](const Row& row) { return row.name == name; });
}
template <class Row, std::size_t kRows>
Row* edit_named(HashShards<Row, kRows>& table, std::string_view name) {
  return table.edit(hash_text(table.seed(), name), [&](const Row& row) { return row.name == name; });
}
template <class Row, std::size_t kRows>
void erase_named(HashShards<Row, kRows>& table, std::string_view name) {
  table.erase(hash_text(table.seed(), name), [&](const Row& row) { return row.name == name; });
}

using Upstreams = std::vector<std::shared_ptr<const Upstream>>;

struct SnapshotTables {
  explicit SnapshotTables(HashSeed with) : seed(with) {}

  HashSeed seed;
  HashShards<ApiKey, 64> keys{seed};  // revoked ones as well: their ids stay taken

  static constexpr std::size_t kPrincipalsInChunk = 64;
  using PrincipalChunk = std::array<PrincipalRow, kPrincipalsInChunk>;
  Pages<PrincipalChunk> principals;
  std::uint32_t principals_end = 0;  // positions ever taken
  std::uint32_t free_principal = kNowhere;  // the first of a list
  HashShards<NamedAt> principal_names{seed};
  HashShards<NamedAt> certificates{seed};  // by their names; whose
  HashShards<Role> roles{seed};
  std::uint32_t roles_end = 0;
  std::vector<std::uint32_t> free_roles;

  std::shared_ptr<const Upstreams> upstreams = std::make_shared<const Upstreams>();
  std::vector<std::uint32_t> upstream_grants;  // how many, by UpstreamIndex
  std::vector<UpstreamIndex> free_upstreams;
  HashShards<NamedAt> upstream_names{seed};
  HashShards<NamedAt> mounts{seed};
  std::array<std::uint32_t, kMaxMountSegments + 1> mounts_of_segments{};  // how many
  HashShards<NamedCredential> credentials{seed};

  HashShards<SharedGrant> grants{seed};  // by name
  HashShards<GrantedPair> pairs{seed};
  std::uint64_t next_sequence = 0;

  // A key that was revoked is one, here.
  const ApiKey* find_key(std::string_view id) const noexcept {
    if (id.size() != sizeof(KeyId)) return nullptr;
    return keys.find(hash_key_id(seed, id), [&](const ApiKey& key) { return key.id == id; });
  }
  const PrincipalRow& principal(PrincipalIndex index) const noexcept {
    return principals[index / kPrincipalsInChunk][index % kPrincipalsInChunk];
  }
  PrincipalRow& edit_principal(PrincipalIndex index) {
    return principals.edit(index / kPrincipalsInChunk)[index % kPrincipalsInChunk];
  }
  const GrantedPair* find_pair(std::uint64_t pair) const noexcept {
    return pairs.find(mix(pair ^ seed.k1), [&](const GrantedPair& row) { return row.pair == pair; });
  }
  const PlacedGrant* find_grant(std::string_view name) const noexcept {
    const SharedGrant* row = grants.find(hash_text(seed, name),
                                         [&](const SharedGrant& grant) { return grant->grant.name == name; });
    return row == nullptr ? nullptr : row->get();
  }
  bool has(Kind kind, std::string_view name) const noexcept;
};

}  // namespace claviger::policy
