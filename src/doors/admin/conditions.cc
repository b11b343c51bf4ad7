// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/conditions.h"

#include "base/parse.h"
#include "doors/admin/call.h"

namespace claviger::doors::admin {
namespace {

Error refuse() {
  return Error(Code::kBadRequest, Blame::kCaller,
               "a condition is If-Match: \"<revision>\", If-Match: * or If-None-Match: *, and stands once");
}

Result<store::Revision> read_tag(std::string_view text) {
  if (text.size() < 3 || !text.starts_with('"') || !text.ends_with('"')) return refuse();
  const auto revision = base::parse_decimal(text.substr(1, text.size() - 2));
  if (!revision.has_value()) return refuse();
  return *revision;
}

}  // namespace

Result<Conditions> read_conditions(const http::Fields& fields) {
  Conditions conditions;
  for (const http::Field& field : fields) {
    const bool is_match = base::equals_ignore_case(field.name, "If-Match");
    const bool is_none_match = base::equals_ignore_case(field.name, "If-None-Match");
    if (!is_match && !is_none_match) continue;
    if (!conditions.is_none()) return refuse();
    if (is_none_match && field.value != "*") return refuse();
    if (is_none_match) conditions.must_not_exist = true;
    else if (field.value == "*") conditions.must_exist = true;
    else conditions.if_match = CLV_TRY(read_tag(field.value));
  }
  return conditions;
}

Result<std::optional<store::Revision>> read_if_match(const http::Fields& fields) {
  const Conditions conditions = CLV_TRY(read_conditions(fields));
  if (conditions.must_not_exist) return bad_request("If-None-Match says nothing here");
  return conditions.if_match;
}

Result<void> refuse_conditions(const http::Fields& fields) {
  if (CLV_TRY(read_conditions(fields)).is_none()) return ok();
  return bad_request("If-Match and If-None-Match say nothing here");
}

}  // namespace claviger::doors::admin
