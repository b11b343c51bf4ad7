// SPDX-License-Identifier: Apache-2.0
#include "server/publications.h"

namespace claviger::server {

std::function<bool()> Publications::begin(std::size_t workers) {
  publications_.push_back(std::make_shared<Publication>(clock_.monotonic(), workers));
  return [publication = publications_.back()] {
    return publication->waiting.fetch_sub(1, std::memory_order_acq_rel) == 1;
  };
}

bool Publications::is_stuck() {
  while (!publications_.empty() && publications_.front()->waiting.load(std::memory_order_acquire) == 0)
    publications_.pop_front();
  return !publications_.empty() && clock_.monotonic() - publications_.front()->since >= kMostAdoption;
}

}  // namespace claviger::server
