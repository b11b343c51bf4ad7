// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/result.h"
#include "http/message.h"
#include "store/store.h"

namespace claviger::doors::admin {

// If-Match and If-None-Match (RFC 9110 section 13.1), as far as they say something here.
struct Conditions {
  std::optional<store::Revision> if_match;  // If-Match: "<revision>"
  bool must_exist = false;                  // If-Match: *
  bool must_not_exist = false;              // If-None-Match: *
  bool is_none() const noexcept { return !if_match && !must_exist && !must_not_exist; }
};

// kBadRequest for every other form: weak tags, lists, a field that stands twice, both fields at once.
Result<Conditions> read_conditions(const http::Fields& fields);

// Where what is asked for must be there anyway: the revision of If-Match, if one is named. If-None-Match is refused.
Result<std::optional<store::Revision>> read_if_match(const http::Fields& fields);

// Where neither says anything: both are refused.
Result<void> refuse_conditions(const http::Fields& fields);

}  // namespace claviger::doors::admin
