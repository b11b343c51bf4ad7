// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace claviger::policy {

// A persistent array: copying it shares all of its elements, and edit() copies the one element (and the page it is
// listed on) that is shared with another array. So the next version of a large table costs what changed in it.
//
// Threads: any may read; one may edit an array of its own while others read those that it shares elements with, as
// long as the array it was copied from stays alive.
template <class T>
class Pages {
 public:
  std::size_t size() const noexcept { return size_; }

  // Requires: at < size().
  const T& operator[](std::size_t at) const noexcept { return *(*pages_[at / kPageSize])[at % kPageSize]; }
  T& edit(std::size_t at) { return own(own(pages_[at / kPageSize])[at % kPageSize]); }

  T& push_back(T element) {
    if (size_ % kPageSize == 0) pages_.push_back(std::make_shared<Page>());
    ++size_;
    Page& page = own(pages_.back());
    page.push_back(std::make_shared<T>(std::move(element)));
    return *page.back();
  }

 private:
  static constexpr std::size_t kPageSize = 64;
  using Page = std::vector<std::shared_ptr<T>>;

  // What only this array refers to, nobody else can come to refer to meanwhile.
  template <class Shared>
  static Shared& own(std::shared_ptr<Shared>& shared) {
    if (shared.use_count() != 1) shared = std::make_shared<Shared>(std::as_const(*shared));
    return *shared;
  }

  std::vector<std::shared_ptr<Page>> pages_;
  std::size_t size_ = 0;
};

}  // namespace claviger::policy
