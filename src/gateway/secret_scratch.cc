// SPDX-License-Identifier: Apache-2.0
#include "gateway/secret_scratch.h"

namespace claviger::gateway {

SecretScratch::~SecretScratch() {
  if (data_ != nullptr) pool_->give_back(data_, used_);
}

std::span<char> SecretScratch::room() const noexcept { return {data_, SecretScratchPool::kSize}; }

SecretScratchPool::~SecretScratchPool() {
  for (char* data : free_) arena_->release(data);
}

SecretScratch SecretScratchPool::take() noexcept {
  if (!free_.empty()) {
    char* data = free_.back();
    free_.pop_back();
    return {*this, data};
  }
  char* data = static_cast<char*>(arena_->allocate(kSize));
  return data != nullptr ? SecretScratch(*this, data) : SecretScratch();
}

void SecretScratchPool::give_back(char* data, std::size_t used) noexcept {
  base::wipe(data, used);
  free_.push_back(data);
}

}  // namespace claviger::gateway
