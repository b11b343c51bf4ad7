// SPDX-License-Identifier: Apache-2.0
#include "server/admission.h"

#include <algorithm>

#include "base/check.h"
#include "server/overload.h"
#include "server/process.h"

namespace claviger::server {
namespace {

constexpr std::size_t kLeastShare =
    16;  // the kernel spreads by hash: with fewer, chance alone would turn people out

// Of a loop; all shares together are `in_all`, or more where that would leave too few, but never over `bound`.
std::size_t share_of(std::size_t in_all, std::size_t bound, std::size_t loops) noexcept {
  const std::size_t least = std::clamp<std::size_t>(bound / loops, 1, kLeastShare);
  return std::max((in_all + loops - 1) / loops, least);
}

}  // namespace

Admission::Key Admission::key_of(const base::IpAddress& address) noexcept {
  Key key{};
  key[0] = address.v6 ? 6 : 4;
  std::ranges::copy(base::network_of(address), key.begin() + 1);
  return key;
}

Admission::Most Admission::of_callers(std::size_t connections, std::size_t per_address,
                                      std::size_t loops) noexcept {
  const std::size_t descriptors = descriptors_for_calls(file_limit());
  const std::size_t known = std::min(connections, descriptors / 2);
  const std::size_t of_address = std::min(per_address, known);
  return {.known = known,
          .known_of_address = of_address,
          .strangers = share_of(known / 2, descriptors / 4, loops),
          .strangers_of_address = share_of(of_address / 2, descriptors / 4, loops),
          .loops = loops};
}

Admission::Most Admission::of_admins(std::size_t connections) noexcept {
  const std::size_t limit = file_limit();
  const std::size_t reserve = limit - descriptors_for_calls(limit);
  const std::size_t known = std::min(connections, reserve / 2);
  return {.known = known, .strangers = share_of(known / 2, reserve / 2, 1)};
}

void Admission::use(Most most) noexcept {
  most_known_.store(most.known, std::memory_order_relaxed);
  most_known_of_address_.store(most.known_of_address, std::memory_order_relaxed);
  most_strangers_.store(most.strangers, std::memory_order_relaxed);
  most_strangers_of_address_.store(most.strangers_of_address, std::memory_order_relaxed);
  loops_.store(most.loops, std::memory_order_relaxed);
}

std::size_t Admission::most_strangers() const noexcept {
  const std::size_t most_known = most_known_.load(std::memory_order_relaxed);
  const std::size_t known = known_.load(std::memory_order_relaxed);
  const std::size_t unused = most_known > known ? most_known - known : 0;
  return std::max(most_strangers_.load(std::memory_order_relaxed),
                  unused / loops_.load(std::memory_order_relaxed));
}

Admission::Verdict Admission::ask(const base::IpAddress& address) const {
  const std::lock_guard lock(mutex_);
  const auto of_address = addresses_.find(key_of(address));
  return judge(known_ + 1, (of_address != addresses_.end() ? of_address->second : 0) + 1);
}

Admission::Verdict Admission::vouched(const base::IpAddress& address) {
  const std::lock_guard lock(mutex_);
  return judge(++known_, ++addresses_[key_of(address)]);
}

Admission::Verdict Admission::judge(std::size_t known, std::size_t of_address) const noexcept {
  if (of_address > most_known_of_address_.load(std::memory_order_relaxed)) return Verdict::kFullOfAddress;
  return known > most_known_.load(std::memory_order_relaxed) ? Verdict::kFull : Verdict::kAdmitted;
}

void Admission::let_go(const base::IpAddress& address, bool is_stranger) noexcept {
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (is_stranger) return;
  const std::lock_guard lock(mutex_);
  --known_;
  const auto of_address = addresses_.find(key_of(address));
  CLV_CHECK(of_address != addresses_.end());
  if (--of_address->second == 0) addresses_.erase(of_address);
}

}  // namespace claviger::server
