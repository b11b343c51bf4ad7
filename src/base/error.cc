// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace claviger {

Error Error::formatted(Code code, Blame blame, std::string what) {
  Error error(code, blame);
  error.text_ = std::make_shared<const std::string>(std::move(what));
  return error;
}

Error Error::from_errno(Code code, Blame blame, std::string_view doing, int error_number) {
  const char* reason = ::strerrordesc_np(error_number);  // unlike strerror: constant, no locale, no buffer
  if (reason == nullptr) return formatted(code, blame, fmt::format("{}: errno {}", doing, error_number));
  return formatted(code, blame, fmt::format("{}: {}", doing, reason));
}

Error Error::with_detail(std::string what) const {
  Error error = formatted(code_, blame_, std::move(what));
  error.literal_ = literal_;
  return error;
}

Error Error::within(std::string_view where) const {
  return with_detail(fmt::format("{}: {}", where, what()));
}

std::string_view code_name(Code code) noexcept {
  switch (code) {
    case Code::kBadRequest:
      return "bad_request";
    case Code::kUnauthenticated:
      return "unauthenticated";
    case Code::kDenied:
      return "denied";
    case Code::kNoUpstream:
      return "no_upstream";
    case Code::kHeadTooLarge:
    case Code::kTooLarge:
      return "too_large";
    case Code::kLimited:
      return "limited";
    case Code::kNoCredential:
      return "no_credential";
    case Code::kUpstreamFailed:
      return "upstream_failed";
    case Code::kUpstreamTimeout:
      return "upstream_timeout";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kNoResource:
      return "not_found";
    case Code::kConflict:
      return "conflict";
    case Code::kMethodNotAllowed:
      return "method_not_allowed";
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not_found";
    case Code::kIo:
      return "io";
    case Code::kClosed:
      return "closed";
    case Code::kTimeout:
      return "timeout";
    case Code::kCancelled:
      return "cancelled";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace claviger
