// SPDX-License-Identifier: Apache-2.0
#include "gateway/credential_lives.h"

#include <algorithm>

namespace claviger::gateway {
namespace {

// By a world, or whoever holds on to it: not by these alone.
bool is_in_use(const std::shared_ptr<CredentialLife>& life) noexcept { return life.use_count() > 1; }

}  // namespace

std::shared_ptr<CredentialLife> CredentialLives::of(const policy::CredentialResource& credential) {
  const std::scoped_lock lock(mutex_);
  Known& known = known_[credential.name];
  if (known.id != credential.id && credential.id != 0) {
    // Another credential of that name: nothing of the former is its own. What was read of a file, before any record was, is.
    if (known.id != 0) known = {};
    known.id = credential.id;
  }
  known.last_used = latest(known);
  const auto same = std::ranges::find_if(known.lives, [&](const auto& life) {
    return life->version() == credential.version && life->upstream() == credential.upstream;
  });
  if (same != known.lives.end()) {
    std::rotate(same, same + 1, known.lives.end());
    return known.lives.back();
  }
  std::erase_if(known.lives, [](const auto& life) { return !is_in_use(life); });
  auto life = std::make_shared<CredentialLife>(credential.name, credential.upstream, credential.version,
                                               known.last_used);
  known.lives.push_back(life);
  return life;
}

std::shared_ptr<CredentialLife> CredentialLives::find(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto known = known_.find(name);
  if (known == known_.end()) return nullptr;
  const auto& lives = known->second.lives;
  if (lives.empty()) return nullptr;
  const auto in_use = std::find_if(lives.rbegin(), lives.rend(), is_in_use);
  return in_use != lives.rend() ? *in_use : lives.back();
}

std::vector<std::shared_ptr<CredentialLife>> CredentialLives::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::shared_ptr<CredentialLife>> all;
  for (const auto& [name, known] : known_) all.insert(all.end(), known.lives.begin(), known.lives.end());
  return all;
}

WallTime CredentialLives::latest(const Known& known) {
  WallTime last = known.last_used;
  for (const auto& life : known.lives) last = std::max(last, life->last_used());
  return last;
}

std::vector<CredentialLives::Use> CredentialLives::uses() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Use> all;
  for (const auto& [name, known] : known_)
    if (const WallTime last = latest(known); last != WallTime{}) all.push_back({name, last});
  return all;
}

void CredentialLives::was_used(const std::string& name, WallTime when) {
  const std::scoped_lock lock(mutex_);
  Known& known = known_[name];
  known.last_used = std::max(known.last_used, when);
}

WallTime CredentialLives::last_used(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto known = known_.find(name);
  return known == known_.end() ? WallTime{} : latest(known->second);
}

void CredentialLives::keep(const std::vector<std::string_view>& names) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(known_, [&](const auto& each) {
    return !std::ranges::binary_search(names, std::string_view(each.first));
  });
}

}  // namespace claviger::gateway
