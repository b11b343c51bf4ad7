// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a Snapshot finds things. Internal to policy.

#include <compare>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/hash_index.h"
#include "policy/snapshot.h"

namespace claviger::policy {

// Who a grant is given to, and for which upstream: principals are numbered from 0, roles from kRole.
using Subject = std::uint32_t;
inline constexpr std::size_t kMaxMountSegments = 4;  // resources.h
inline constexpr Subject kRole = 0x8000'0000;
constexpr std::uint64_t pair_of(Subject subject, UpstreamIndex upstream) noexcept {
  return std::uint64_t{subject} << 32 | upstream;
}

// The grants of one pair: grant_list[first, first + count), in the order written.
struct GrantSpan {
  std::uint64_t pair;
  std::uint32_t first;
  std::uint32_t count;
};

// Of Grant::known_methods; nothing for kOther.
constexpr std::uint16_t method_bit(http::Method method) noexcept {
  if (method == http::Method::kOther) return 0;
  return static_cast<std::uint16_t>(1U << static_cast<unsigned>(method));
}
inline constexpr std::uint16_t kGivenMethods =  // by a grant that names none
    static_cast<std::uint16_t>((1U << static_cast<unsigned>(http::Method::kOther)) - 1U) &
    static_cast<std::uint16_t>(~(method_bit(http::Method::kTrace) | method_bit(http::Method::kConnect)));

struct PairedGrant {
  std::uint64_t pair;
  std::uint32_t grant;
  friend auto operator<=>(const PairedGrant&, const PairedGrant&) = default;
};

// "<place>: <what>: '<name>' is already there, at <first>".
Error duplicate_at(const base::Place& place, std::string_view what, std::string_view name,
                   const base::Place& first);

struct Snapshot::Index {
  std::uint64_t seed = 0;  // so that nobody outside can choose ids that collide
  HashIndex keys;
  HashIndex pairs;  // into spans
  std::vector<GrantSpan> spans;
  std::vector<std::uint32_t> grant_list;
  std::unordered_map<std::string_view, UpstreamIndex> mounts;  // views into upstreams_
  std::size_t most_segments = 0;                               // of any mount

  // kInvalid, at the resource's place, when an id or a mount is there twice.
  Result<void> add_keys(std::span<const ApiKey> table, std::span<const ApiKeyResource> resources);
  Result<void> add_mounts(std::span<const Upstream> table);
  // Requires: sorted.
  void add_pairs(std::span<const PairedGrant> sorted);

  std::uint32_t find_key(std::span<const ApiKey> table, std::string_view id) const noexcept {
    return keys.find(hash_id(id), [&](std::uint32_t at) { return table[at].id == id; });
  }

  std::uint64_t hash_id(std::string_view id) const noexcept {  // Requires: 8 bytes
    std::uint64_t word = 0;
    std::memcpy(&word, id.data(), sizeof word);
    return mix(word ^ seed);
  }
};

}  // namespace claviger::policy
