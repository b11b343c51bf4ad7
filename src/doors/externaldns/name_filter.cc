// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/name_filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <string>

#include "doors/externaldns/idn.h"
#include "doors/externaldns/names.h"

namespace claviger::doors::externaldns {
namespace {

std::unique_ptr<const re2::RE2> compile(std::string_view expression) {
  if (expression.empty()) return nullptr;
  return std::make_unique<const re2::RE2>(re2::StringPiece(expression.data(), expression.size()),
                                          re2::RE2::Quiet);
}

bool is_in(std::string_view entry, std::string_view name) noexcept {
  if (entry.starts_with('.')) return name.ends_with(entry) && name.size() > entry.size();
  return is_within(name, entry);
}

}  // namespace

NameFilter::NameFilter(const DomainFilter& filter)
    : filter_(filter), include_(compile(filter.regex_include)), exclude_(compile(filter.regex_exclude)) {}
NameFilter::~NameFilter() = default;

bool NameFilter::lists_as_excluded(std::string_view name) const noexcept {
  return std::ranges::any_of(filter_.exclude,
                             [name](const std::string& entry) { return is_in(entry, name); });
}

bool NameFilter::excludes_below(std::string_view canonical_name) const noexcept {
  return std::ranges::any_of(filter_.exclude, [canonical_name](std::string_view entry) {
    if (entry.starts_with('.')) entry.remove_prefix(1);
    return is_within(entry, canonical_name);
  });
}

bool NameFilter::lets_through(std::string_view canonical_name) const {
  if (lists_as_excluded(canonical_name)) return false;
  if (exclude_ != nullptr &&
      (!exclude_->ok() || re2::RE2::PartialMatch(name_to_unicode(canonical_name), *exclude_)))
    return false;
  const auto is_it = [canonical_name](const std::string& entry) { return is_in(entry, canonical_name); };
  if (!filter_.include.empty() && std::ranges::none_of(filter_.include, is_it)) return false;
  return include_ == nullptr || re2::RE2::PartialMatch(name_to_unicode(canonical_name), *include_);
}

Result<void> check_expression(std::string_view expression) {
  const auto compiled = compile(expression);
  if (compiled == nullptr || compiled->ok()) return ok();
  return Error::formatted(Code::kInvalid, Blame::kOperator, compiled->error());
}

}  // namespace claviger::doors::externaldns
