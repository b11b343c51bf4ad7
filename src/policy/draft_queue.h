// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a Draft has been told so far. Internal to policy.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>

#include "policy/resources.h"

namespace claviger::policy {

template <class R, class... All>
consteval Kind kind_among(const std::variant<All...>* /*unused*/) {
  std::size_t at = 0;
  bool is_found = false;
  ((is_found = is_found || std::is_same_v<R, All>, at += is_found ? 0 : 1), ...);
  return static_cast<Kind>(at);
}
// Of the resource type R.
template <class R>
inline constexpr Kind kKindOf = kind_among<R>(static_cast<const Resource*>(nullptr));

// The changes to one kind of resource, at most one for each name, in the order in which new ones were put.
template <class R>
class DraftQueue {
 public:
  struct Entry {
    std::string name;
    bool is_open = true;        // false: taken back
    bool is_new = false;        // put after a removal: it gives up its place
    std::optional<R> resource;  // none: to be removed
  };

  const Entry* find(std::string_view name) const {
    const auto at = open_.find(name);
    return at == open_.end() ? nullptr : at->second;
  }

  void put(R resource) {
    Entry* before = find_open(resource.name);
    if (before != nullptr && before->resource.has_value()) {
      before->resource = std::move(resource);
      return;
    }
    if (before != nullptr) close(*before);
    Entry& entry = open(resource.name);
    entry.is_new = before != nullptr;
    entry.resource = std::move(resource);
  }

  void remove(std::string_view name) {
    if (Entry* before = find_open(name); before != nullptr) {
      before->resource.reset();
    } else {
      open(name);
    }
  }

  // Forgets what was put under the name.
  void take_back(std::string_view name) {
    if (Entry* before = find_open(name); before != nullptr) close(*before);
  }

  const std::deque<Entry>& entries() const noexcept { return entries_; }

 private:
  Entry* find_open(std::string_view name) {
    const auto at = open_.find(name);
    return at == open_.end() ? nullptr : at->second;
  }
  Entry& open(std::string_view name) {
    Entry& entry = entries_.emplace_back(Entry{.name = std::string(name)});
    open_.emplace(entry.name, &entry);
    return entry;
  }
  void close(Entry& entry) {
    open_.erase(entry.name);
    entry.is_open = false;
    entry.resource.reset();
  }

  std::deque<Entry> entries_;  // which stay where they are
  std::unordered_map<std::string_view, Entry*> open_;
};

struct DraftQueues {
  std::tuple<DraftQueue<UpstreamResource>, DraftQueue<CredentialResource>, DraftQueue<PrincipalResource>,
             DraftQueue<ApiKeyResource>, DraftQueue<GrantResource>>
      all;

  template <class R>
  DraftQueue<R>& of() noexcept {
    return std::get<DraftQueue<R>>(all);
  }
  template <class R>
  const DraftQueue<R>& of() const noexcept {
    return std::get<DraftQueue<R>>(all);
  }

  // Calls `visit` with the queue of the kind.
  template <class Visit>
  decltype(auto) with(Kind kind, Visit visit) {
    switch (kind) {
      case Kind::kUpstream:
        return visit(of<UpstreamResource>());
      case Kind::kCredential:
        return visit(of<CredentialResource>());
      case Kind::kPrincipal:
        return visit(of<PrincipalResource>());
      case Kind::kApiKey:
        return visit(of<ApiKeyResource>());
      case Kind::kGrant:
        break;
    }
    return visit(of<GrantResource>());
  }
};

}  // namespace claviger::policy
