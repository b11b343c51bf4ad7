// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/document.h"
#include "base/secret_arena.h"
#include "credentials/kind.h"
#include "vault/process_key.h"

namespace claviger::credentials::testing {

using Entries = std::vector<std::pair<std::string, std::string>>;

// A map of scalars, and of JSON where a value begins with '{', as if it stood in auth.yaml from line 7 on, one line each.
base::Document settings(const Entries& entries);

// What it takes to make credentials and to put them on requests.
class Bench {
 public:
  static constexpr std::string_view kBoundTo = "fake-credential to https://upstream.test";
  Bench();

  base::SecretArena& arena() noexcept { return *arena_; }
  vault::ProcessKey& key() noexcept { return *key_; }
  vault::Opener opener();

  // `masked`: of an upstream whose answers are, so that short secrets are refused.
  Result<std::unique_ptr<const Credential>> make(const Kind& kind, const base::Document& auth,
                                                 std::string_view secret, bool masked = true);
  // What it writes, or "error: ..." .
  std::string fields_of(const Credential& credential);
  std::string query_of(const Credential& credential);

 private:
  std::unique_ptr<base::SecretArena> arena_;
  std::unique_ptr<vault::ProcessKey> key_;
};

}  // namespace claviger::credentials::testing
