// SPDX-License-Identifier: Apache-2.0
#include "sources/allow_list.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace claviger::sources {
namespace {

bool is_plain_path(std::string_view path) noexcept {
  return path.starts_with('/') && path.find("//") == std::string_view::npos &&
         path.find("/./") == std::string_view::npos && path.find("/../") == std::string_view::npos &&
         !path.ends_with("/..") && !path.ends_with("/.");
}

bool matches(const AllowList::Rule& rule, const vault::SecretReference& reference) noexcept {
  if (rule.kind != reference.kind) return false;
  std::string_view what = rule.what;
  const bool is_prefix = what.ends_with('*') || what.ends_with('/');
  if (what.ends_with('*')) what.remove_suffix(1);
  return is_prefix ? std::string_view(reference.place).starts_with(what) : reference.place == what;
}

bool goes_there(const AllowList::Rule& rule, std::span<const std::string> destinations) {
  return rule.to.empty() || std::ranges::all_of(destinations, [&](const std::string& destination) {
           return std::ranges::find(rule.to, destination) != rule.to.end();
         });
}

Error refused(const vault::SecretReference& reference, std::string_view why) {
  std::string what = "from: ";
  what.append(source_name(reference.kind)).append(":").append(reference.place).append(" ").append(why);
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what));
}

}  // namespace

Result<void> AllowList::check(const vault::SecretReference& reference,
                              std::span<const std::string> destinations) const {
  const bool has_rules =
      std::ranges::any_of(rules_, [&](const Rule& rule) { return rule.kind == reference.kind; });
  if (!has_rules && resources_are_trusted_) return ok();
  if (reference.kind == vault::SourceKind::kFile && !is_plain_path(reference.place))
    return refused(reference, "must be a path from the root, without '.' and '..'");
  const auto is_meant = [&](const Rule& rule) { return matches(rule, reference); };
  if (std::ranges::none_of(rules_, is_meant))
    return refused(reference, "is not among what the configuration file allows (sources." +
                                  std::string(source_name(reference.kind)) + ".allow)");
  const bool may_go = std::ranges::any_of(
      rules_, [&](const Rule& rule) { return is_meant(rule) && goes_there(rule, destinations); });
  if (!may_go)
    return refused(reference, "may not be sent where this credential goes (sources." +
                                  std::string(source_name(reference.kind)) + ".allow: to)");
  return ok();
}

}  // namespace claviger::sources
