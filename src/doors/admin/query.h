// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace claviger::doors::admin {

// A query, read strictly: `name=value` joined by '&', each name once, values percent-encoded UTF-8. A raw '+' is
// refused: some read it as a space. What nobody took is refused by name.
// Errors: kBadRequest, blame caller.
class Query {
 public:
  static Result<Query> parse(std::string_view text);

  std::optional<std::string> take(std::string_view name);
  Result<std::string> take_required(std::string_view name);
  Result<std::optional<std::uint64_t>> take_number(std::string_view name, std::uint64_t min,
                                                   std::uint64_t max);
  Result<bool> take_flag(std::string_view name);  // true or false; false when absent
  Result<void> finish() const;

 private:
  struct Parameter {
    std::string name;
    std::string value;
  };
  std::vector<Parameter> parameters_;
};

}  // namespace claviger::doors::admin
