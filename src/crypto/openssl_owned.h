// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace claviger::crypto {

// What frees an object of OpenSSL's, given the function that does.
template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    kFree(object);
  }
};

// Owns: an object of OpenSSL's, or none.
template <class T, auto kFree>
using Owned = std::unique_ptr<T, Freed<kFree>>;

}  // namespace claviger::crypto
