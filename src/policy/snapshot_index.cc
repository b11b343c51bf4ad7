// SPDX-License-Identifier: Apache-2.0
#include "policy/snapshot_index.h"

#include <algorithm>
#include <string>

namespace claviger::policy {

Error duplicate_at(const base::Place& place, std::string_view what, std::string_view name,
                   const base::Place& first) {
  std::string text(what);
  text.append(" '").append(name).append("' is already there, at ").append(base::format_place(first));
  return base::invalid_at(place, text);
}

Result<void> Snapshot::Index::add_keys(std::span<const ApiKey> table,
                                       std::span<const ApiKeyResource> resources) {
  keys = HashIndex(table.size());
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    const std::string_view id = table[i].id;
    const std::uint32_t first = find_key(table, id);
    if (first != HashIndex::kNone) {
      return duplicate_at(resources[i].place, "api_key", id, resources[first].place);
    }
    keys.insert(hash_id(id), i);
  }
  return ok();
}

Result<void> Snapshot::Index::add_mounts(std::span<const Upstream> table) {
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    const UpstreamResource& upstream = table[i].resource;
    const auto [at, is_new] = mounts.try_emplace(upstream.mount, i);
    if (!is_new) {
      return duplicate_at(upstream.place, "upstream: mount", upstream.mount,
                          table[at->second].resource.place);
    }
    const auto segments = static_cast<std::size_t>(std::ranges::count(upstream.mount, '/'));
    if (segments > kMaxMountSegments)
      return base::invalid_at(upstream.place, "upstream: mount has at most four segments");
    most_segments = std::max(most_segments, segments);
  }
  return ok();
}

void Snapshot::Index::add_pairs(std::span<const PairedGrant> sorted) {
  grant_list.reserve(sorted.size());
  for (const PairedGrant& entry : sorted) {
    if (spans.empty() || spans.back().pair != entry.pair) {
      spans.push_back(
          {.pair = entry.pair, .first = static_cast<std::uint32_t>(grant_list.size()), .count = 0});
    }
    ++spans.back().count;
    grant_list.push_back(entry.grant);
  }
  pairs = HashIndex(spans.size());
  for (std::uint32_t i = 0; i < spans.size(); ++i) pairs.insert(mix(spans[i].pair), i);
}

}  // namespace claviger::policy
