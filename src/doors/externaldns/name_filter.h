// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "doors/externaldns/endpoint.h"

namespace re2 {
class RE2;
}

namespace claviger::doors::externaldns {

// Whether ExternalDNS, given the same filter, would manage a name: what it sends besides is refused. Expressions see a name as ExternalDNS
// shows it to them, with its punycode turned back.
class NameFilter {
 public:
  // Requires: the expressions are check_expression()ed; of others nothing is let through.
  explicit NameFilter(const DomainFilter& filter);
  ~NameFilter();
  NameFilter(const NameFilter&) = delete;
  NameFilter& operator=(const NameFilter&) = delete;

  bool lets_through(std::string_view canonical_name) const;
  // Whether `exclude` has it, whatever the expressions say.
  bool lists_as_excluded(std::string_view name) const noexcept;
  // Whether `exclude` has something below it.
  bool excludes_below(std::string_view canonical_name) const noexcept;

 private:
  const DomainFilter filter_;
  std::unique_ptr<const re2::RE2> include_, exclude_;  // null: none
};

// kInvalid says what is wrong with it: ExternalDNS would exit at it.
Result<void> check_expression(std::string_view expression);

}  // namespace claviger::doors::externaldns
