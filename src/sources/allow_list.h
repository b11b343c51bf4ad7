// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "vault/reference.h"

namespace claviger::sources {

// Which secrets a resource may name in `from`, and where these may go: said in the configuration file, which whoever writes resources
// cannot change. Without it, the right to write a credential would be the right to read everything that the gateway can read.
//
// Threads: any; immutable.
class AllowList {
 public:
  struct Rule {
    vault::SourceKind kind;
    std::string what;  // a place; with '*' or '/' at its end all that begin like it
    std::vector<std::string>
        to;  // authorities of base URLs, as in Host, those without TLS with "http://" in front; empty: anywhere
    friend bool operator==(const Rule&, const Rule&) = default;
  };

  void add(Rule rule) { rules_.push_back(std::move(rule)); }
  // Where the resources are as trusted as the configuration (side-car mode), a source that no rule is about is free to all.
  void trust_resources() noexcept { resources_are_trusted_ = true; }

  // Whether that may be read, and sent to each of those. kInvalid says what to do.
  Result<void> check(const vault::SecretReference& reference,
                     std::span<const std::string> destinations) const;

  friend bool operator==(const AllowList&, const AllowList&) = default;

 private:
  std::vector<Rule> rules_;
  bool resources_are_trusted_ = false;
};

}  // namespace claviger::sources
