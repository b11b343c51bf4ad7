// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "policy/resources.h"

namespace claviger::policy::testing {

// Resources as if they came by way of the API: right by themselves, and without a place.
UpstreamResource upstream(std::string name, std::string mount);  // auth: { kind: bearer }
CredentialResource credential(std::string name, std::string upstream);
PrincipalResource principal(std::string name, std::vector<std::string> roles = {});
ApiKeyResource api_key(std::string id, std::string principal);
GrantResource grant(std::string name, std::string principal, std::string upstream,
                    std::vector<std::string> methods = {}, std::vector<std::string> paths = {});
GrantResource role_grant(std::string name, std::string role, std::string upstream,
                         std::vector<std::string> methods = {}, std::vector<std::string> paths = {});

}  // namespace claviger::policy::testing
