// SPDX-License-Identifier: Apache-2.0
#include "cli/kind_argument.h"

#include <algorithm>

#include "cli/admin_client.h"
#include "cli/command.h"
#include "cli/printable.h"
#include "policy/nearest.h"

namespace claviger::cli {
namespace {

constexpr std::size_t kMaxName = 256;

}  // namespace

Result<policy::Kind> parse_kind_argument(std::string_view text) {
  std::string word(text);
  std::ranges::replace(word, '-', '_');
  if (word == "key" || word == "keys") word = "api_key";
  if (const auto kind = policy::parse_kind(word); kind.has_value()) return *kind;
  const std::string_view near =
      policy::nearest(word, {"upstream", "credential", "principal", "api_key", "grant"});
  const std::string hint = near.empty() ? "" : "; did you mean '" + std::string(near) + "'?";
  return usage_error("there is no kind '" + printable(text) +
                     "'; there are upstream, credential, principal, api_key and grant" + hint);
}

std::string kind_target(policy::Kind kind) { return "/api/v1/" + std::string(policy::plural_name(kind)); }

Result<std::string> resource_target(policy::Kind kind, std::string_view name) {
  // It would go into the URL and from there into logs.
  if (name.starts_with("clv_"))
    return usage_error("that is an API key: give its id, the 8 characters between clv_ and the next _");
  const bool is_sound =
      !name.empty() && name.size() <= kMaxName && name.front() != '.' &&
      std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("-_.:").contains(c);
      });
  if (!is_sound)
    return usage_error("'" + printable(name) +
                       "' cannot be the name of a resource: those are of a-z 0-9 - _ .");
  return kind_target(kind) + "/" + std::string(name);
}

}  // namespace claviger::cli
