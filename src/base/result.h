// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

namespace claviger {

// A value or the Error that stood in its way. std::expected, but the compiler minds when it is dropped.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result(Error error) : std::expected<T, Error>(std::unexpect, std::move(error)) {}
};

// What a function that only succeeds or fails returns on success.
inline Result<void> ok() { return {}; }

}  // namespace claviger

// `auto x = CLV_TRY(parse(text));` yields the value, or returns the Error from the enclosing function.
// CLV_CO_TRY is the same inside a coroutine.
#define CLV_TRY(expression)                                              \
  ({                                                                     \
    auto clv_result_ = (expression);                                     \
    if (!clv_result_.has_value()) return std::move(clv_result_).error(); \
    *std::move(clv_result_);                                             \
  })
#define CLV_CO_TRY(expression)                                              \
  ({                                                                        \
    auto clv_result_ = (expression);                                        \
    if (!clv_result_.has_value()) co_return std::move(clv_result_).error(); \
    *std::move(clv_result_);                                                \
  })
// The same for Result<void>.
#define CLV_TRY_VOID(expression)                                         \
  do {                                                                   \
    auto clv_result_ = (expression);                                     \
    if (!clv_result_.has_value()) return std::move(clv_result_).error(); \
  } while (false)
#define CLV_CO_TRY_VOID(expression)                                         \
  do {                                                                      \
    auto clv_result_ = (expression);                                        \
    if (!clv_result_.has_value()) co_return std::move(clv_result_).error(); \
  } while (false)
