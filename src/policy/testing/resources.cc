// SPDX-License-Identifier: Apache-2.0
#include "policy/testing/resources.h"

#include "policy/testing/documents.h"

namespace claviger::policy::testing {

UpstreamResource upstream(std::string name, std::string mount) {
  UpstreamResource made;
  made.name = std::move(name);
  made.mount = std::move(mount);
  made.base_url = *http::parse_base_url("https://api.test");
  made.auth = map({{"kind", text("bearer")}});
  return made;
}

CredentialResource credential(std::string name, std::string upstream) {
  CredentialResource made;
  made.name = std::move(name);
  made.upstream = std::move(upstream);
  return made;
}

PrincipalResource principal(std::string name, std::vector<std::string> roles) {
  PrincipalResource made;
  made.name = std::move(name);
  made.roles = std::move(roles);
  return made;
}

ApiKeyResource api_key(std::string id, std::string principal) {
  ApiKeyResource made;
  made.name = std::move(id);
  made.principal = std::move(principal);
  return made;
}

GrantResource grant(std::string name, std::string principal, std::string upstream,
                    std::vector<std::string> methods, std::vector<std::string> paths) {
  GrantResource made;
  made.name = std::move(name);
  made.principal = std::move(principal);
  made.upstream = std::move(upstream);
  made.methods = std::move(methods);
  for (const std::string& path : paths) made.paths.push_back(*Glob::parse(path));
  return made;
}

GrantResource role_grant(std::string name, std::string role, std::string upstream,
                         std::vector<std::string> methods, std::vector<std::string> paths) {
  GrantResource made = grant(std::move(name), "", std::move(upstream), std::move(methods), std::move(paths));
  made.role = std::move(role);
  return made;
}

}  // namespace claviger::policy::testing
