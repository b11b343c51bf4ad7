// SPDX-License-Identifier: Apache-2.0
#include "gateway/call.h"

namespace claviger::gateway {

std::string_view decision_name(Decision decision) noexcept {
  switch (decision) {
    case Decision::kAllowed:
      return "allowed";
    case Decision::kDenied:
      return "denied";
    case Decision::kLimited:
      return "limited";
    case Decision::kUnauthenticated:
      return "unauthenticated";
    case Decision::kShed:
      return "shed";
    case Decision::kUnavailable:
      return "unavailable";
    case Decision::kRefused:
      break;
  }
  return "refused";
}

Decision decision_of(Code refused) noexcept {
  switch (refused) {
    case Code::kDenied:
      return Decision::kDenied;
    case Code::kLimited:
      return Decision::kLimited;
    case Code::kUnauthenticated:
      return Decision::kUnauthenticated;
    case Code::kUnavailable:
      return Decision::kUnavailable;
    default:
      return Decision::kRefused;
  }
}

Error refused_by(std::string_view rule, Call& call, Error error) noexcept {
  call.rule = rule;
  return error;
}

}  // namespace claviger::gateway
