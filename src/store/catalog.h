// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace claviger::store {

// Stores by the URL that the configuration has: "sqlite:FILE". A backend is a folder and a line in catalog.cc.

struct OpenOptions {
  bool create = false;  // make it when it is not there; else kNotFound
};

// The form alone. kInvalid says what there is.
Result<void> check_url(std::string_view url);

// What open() opens, for people and for whoever copies it: a relative path lies in `directory`. Requires: check_url().
std::string locate(std::string_view url, const std::string& directory);

// kInvalid when the URL is no store's, or the file is none of ours, or others may write it; kUnavailable when it cannot be
// opened.
Result<std::unique_ptr<Store>> open(std::string_view url, const std::string& directory,
                                    const OpenOptions& options);

}  // namespace claviger::store
