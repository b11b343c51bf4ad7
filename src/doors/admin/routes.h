// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "doors/admin/call.h"
#include "doors/admin/request_body.h"
#include "net/task.h"

namespace claviger::doors::admin {

// Whom a route is for.
enum class Access : std::uint8_t {
  kProbe,  // anybody, as often as they like
  kOpen,   // anybody, within the address's rate
  kRead,   // management: read or admin
  kAdmin,  // management: admin
};

// Either writes the whole answer, or fails without having written a byte. Both references outlive the task.
using Answerer = net::Task<Result<void>> (*)(Context&, AdminCall&);

struct Route {
  http::Method method;  // GET stands for HEAD, too
  std::string_view pattern;  // "/api/v1/{kinds}/{name}"
  Access access;
  Answerer answer;
  BodyForm body = BodyForm::kNone;
  registry::Verb verb = registry::Verb::kApply;  // of those that do one thing to one resource
};

struct Found {
  const Route* route = nullptr;  // null: no such path, or not with this method
  std::optional<policy::Kind> kind;
  std::string name;
  bool name_is_valid = true;
  std::string allow;  // the methods that the path takes, "GET, HEAD, PUT"; empty: there is no such path
};
Found find_route(http::Method method, std::string_view path);

}  // namespace claviger::doors::admin
