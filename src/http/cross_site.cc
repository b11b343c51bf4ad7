// SPDX-License-Identifier: Apache-2.0
#include "http/cross_site.h"

#include <algorithm>

#include "base/parse.h"

namespace claviger::http {
namespace {

bool is_origin(std::string_view value, std::string_view host) noexcept {
  constexpr std::string_view kScheme = "https://";
  return value.starts_with(kScheme) && base::equals_ignore_case(value.substr(kScheme.size()), host);
}

}  // namespace

// Every one of them counts, and what is not known is another site.
bool is_fetched_for_another_site(const Fields& fields) noexcept {
  return std::ranges::any_of(fields, [](const Field& field) {
    return base::equals_ignore_case(field.name, "Sec-Fetch-Site") && field.value != "same-origin" &&
           field.value != "none";
  });
}

bool is_of_another_origin(const RequestHead& head) noexcept {
  return is_fetched_for_another_site(head.fields) ||
         std::ranges::any_of(head.fields, [&](const Field& field) {
           return base::equals_ignore_case(field.name, "Origin") && !is_origin(field.value, head.host);
         });
}

}  // namespace claviger::http
