// SPDX-License-Identifier: Apache-2.0
#include "gateway/token_cell.h"

#include <utility>

namespace claviger::gateway {

void TokenCell::publish(std::shared_ptr<const credentials::Token> token, std::optional<NoToken> refusal) {
  const std::lock_guard lock(mutex_);
  token_.swap(token);
  refusal_ = std::move(refusal);
  is_asked_.store(false, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
}

// A count that all workers share would be written for each call: this worker's references are counted in a block of its own.
void TokenCell::take(Slot& slot) noexcept {
  const std::lock_guard lock(mutex_);
  slot.generation = generation_.load(std::memory_order_relaxed);
  slot.view.refusal = refusal_;
  slot.view.token = nullptr;
  if (token_ == nullptr) return;
  const auto held = std::make_shared<const std::shared_ptr<const credentials::Token>>(token_);
  slot.view.token = std::shared_ptr<const credentials::Token>(held, token_.get());
}

}  // namespace claviger::gateway
