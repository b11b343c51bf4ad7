// SPDX-License-Identifier: Apache-2.0
#include "credentials/catalog.h"

#include <array>

namespace claviger::credentials {

// Each is defined in the file of its name.
const Kind& bearer_kind() noexcept;
const Kind& header_kind() noexcept;
const Kind& basic_kind() noexcept;
const Kind& query_kind() noexcept;
const Kind& session_login_kind() noexcept;
const Kind& oauth2_client_credentials_kind() noexcept;
const Kind& oauth2_refresh_token_kind() noexcept;
const Kind& jwt_bearer_kind() noexcept;
const Kind& aws_sigv4_kind() noexcept;
const Kind& client_certificate_kind() noexcept;

std::span<const Kind* const> catalog() noexcept {
  static const std::array kinds = {&bearer_kind(),
                                   &header_kind(),
                                   &basic_kind(),
                                   &query_kind(),
                                   &session_login_kind(),
                                   &oauth2_client_credentials_kind(),
                                   &oauth2_refresh_token_kind(),
                                   &jwt_bearer_kind(),
                                   &aws_sigv4_kind(),
                                   &client_certificate_kind()};
  return kinds;
}

Result<const Kind*> find_kind(const base::Document& auth) {
  if (auth.type != base::Document::Type::kMap) {
    return base::invalid_at(auth.place, "auth is a map with a kind, such as { kind: bearer }");
  }
  const base::Document* wanted = nullptr;
  for (const auto& [key, node] : auth.entries) {
    if (key == "kind") wanted = &node;
  }
  std::string list;
  for (const Kind* kind : catalog()) list.append(list.empty() ? "" : ", ").append(kind->name());
  if (wanted == nullptr) return base::invalid_at(auth.place, "auth has a kind, one of: " + list);
  const std::string name = CLV_TRY(base::read_string(*wanted, "auth.kind"));
  for (const Kind* kind : catalog()) {
    if (kind->name() == name) return kind;
  }
  return base::invalid_at(wanted->place, "no credential kind is named '" + name + "'; there are: " + list);
}

}  // namespace claviger::credentials
