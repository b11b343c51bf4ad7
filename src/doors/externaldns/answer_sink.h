// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/json_reader.h"

namespace claviger::doors::externaldns {

// What is the same in each answer of the server's API: how it went is said at its top, and a value is taken as text whatever it is.
class AnswerSink : public base::JsonSink {
 public:
  // Once all is read. What the server said of it, "ok" or not.
  const std::string& status() const noexcept { return status_; }
  const std::string& error_message() const noexcept { return error_message_; }
  const std::string& inner_error_message() const noexcept { return inner_error_message_; }

  Result<void> key(std::string_view name) final {
    key_ = name;
    return ok();
  }
  Result<void> string(std::string_view text) final { return scalar(text); }
  Result<void> number(std::string_view text) final { return scalar(text); }
  Result<void> boolean(bool value) final { return scalar(value ? "true" : "false"); }
  Result<void> null() final { return scalar({}); }

 protected:
  ~AnswerSink() = default;

  // The name that the next value goes by.
  const std::string& name() const noexcept { return key_; }
  // Of a value at the top.
  void take_outcome(std::string_view text) {
    if (key_ == "status") status_ = text;
    else if (key_ == "errorMessage") error_message_ = text;
    else if (key_ == "innerErrorMessage") inner_error_message_ = text;
  }

 private:
  virtual Result<void> scalar(std::string_view text) = 0;

  std::string key_, status_, error_message_, inner_error_message_;
};

}  // namespace claviger::doors::externaldns
