// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "doors/admin/call.h"
#include "net/task.h"

namespace claviger::doors::admin {

// The head of an answer: what every answer has is put in besides.
struct Answer {
  unsigned status = 200;
  std::string_view type = "application/json";
  std::vector<std::pair<std::string_view, std::string>> fields;  // values: made printable
};

// Writes the answer, its body piece by piece as the caller takes it; the head alone for HEAD. What the pieces are views of
// outlives the task; they may lie in the arena.
net::Task<Result<void>> write_answer(AdminCall& call, Answer answer, std::vector<std::string_view> pieces);

// Writes problem+json, with everything there is to say to those who are authenticated. Nothing when an answer has begun
// or nobody is there to read one: the connection is reset then.
net::Task<void> write_failure(AdminCall& call, const policy::Rate& rate, Error error);

}  // namespace claviger::doors::admin
