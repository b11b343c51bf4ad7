// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>

#include "policy/resources.h"

namespace claviger::policy {

// "<principal>:<upstream>" or "role:<role>:<upstream>": what a grant is called that nobody gave a name.
inline std::string made_up_name(const GrantResource& grant) {
  return (grant.role.empty() ? grant.principal : "role:" + grant.role) + ":" + grant.upstream;
}

// Makes up names, the second of a kind with ":2" behind it and so on.
class GrantNames {
 public:
  template <class IsTaken>
  std::string next(const GrantResource& grant, IsTaken is_taken) {
    const std::string base = made_up_name(grant);
    int& count = counts_[base];
    while (true) {
      std::string name = ++count == 1 ? base : base + ":" + std::to_string(count);
      if (!is_taken(name)) return name;
    }
  }

 private:
  std::unordered_map<std::string, int> counts_;  // so that thousands of a kind cost no search each
};

}  // namespace claviger::policy
