// SPDX-License-Identifier: Apache-2.0
#include "policy/snapshot.h"

#include <algorithm>

#include "policy/snapshot_index.h"

namespace claviger::policy {
namespace {

bool gives_method(const Grant& grant, http::Method method, std::string_view text) noexcept {
  if (method != http::Method::kOther) return (grant.known_methods & method_bit(method)) != 0;
  return grant.gives_other_methods ||
         std::ranges::find(grant.other_methods, text) != grant.other_methods.end();
}

bool lets_through(const Grant& grant, http::Method method, std::string_view text, std::string_view path,
                  WallTime now) noexcept {
  if (!gives_method(grant, method, text)) return false;
  if (grant.expires.has_value() && now >= *grant.expires) return false;
  return grant.paths.empty() ||
         std::ranges::any_of(grant.paths, [&](const Glob& glob) { return glob.matches(path); });
}

}  // namespace

Snapshot::Snapshot() = default;
Snapshot::~Snapshot() = default;

const ApiKey* Snapshot::find_key(std::string_view id) const noexcept {
  if (id.size() != sizeof(KeyId)) return nullptr;
  const std::uint32_t position = index_->find_key(keys_, id);
  return position == HashIndex::kNone ? nullptr : &keys_[position];
}

std::optional<Snapshot::Route> Snapshot::route(std::string_view path) const noexcept {
  std::array<std::size_t, kMaxMountSegments> ends{};  // of the first segments
  std::size_t segments = 0;
  if (!path.starts_with('/')) return std::nullopt;
  for (std::size_t slash = 0; slash != std::string_view::npos && segments < index_->most_segments;) {
    slash = path.find('/', slash + 1);
    ends[segments++] = std::min(slash, path.size());
  }
  while (segments > 0) {
    const std::size_t end = ends[--segments];
    const auto found = index_->mounts.find(path.substr(0, end));
    if (found != index_->mounts.end()) return Route{.upstream = found->second, .rest = path.substr(end)};
  }
  return std::nullopt;
}

const Grant* Snapshot::authorize(PrincipalIndex principal, UpstreamIndex upstream, http::Method method,
                                 std::string_view method_text, std::string_view path,
                                 WallTime now) const noexcept {
  const Principal& who = principals_[principal];
  if (who.disabled) return nullptr;
  if (path.empty()) path = "/";

  std::uint32_t first = HashIndex::kNone;  // the earliest grant that fits, so far
  const auto consider = [&](Subject subject) {
    const std::uint64_t pair = pair_of(subject, upstream);
    const std::uint32_t position =
        index_->pairs.find(mix(pair), [&](std::uint32_t at) { return index_->spans[at].pair == pair; });
    if (position == HashIndex::kNone) return;
    const GrantSpan& span = index_->spans[position];
    for (std::uint32_t i = span.first; i < span.first + span.count; ++i) {
      const std::uint32_t candidate = index_->grant_list[i];
      if (candidate >= first) return;
      if (lets_through(grants_[candidate], method, method_text, path, now)) {
        first = candidate;
        return;
      }
    }
  };
  consider(principal);
  for (const std::uint32_t role : who.roles) consider(kRole | role);
  return first == HashIndex::kNone ? nullptr : &grants_[first];
}

}  // namespace claviger::policy
