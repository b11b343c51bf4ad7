// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace claviger {

// What went wrong, as far as anybody outside has to tell cases apart. The first block is what callers
// see (interface: the status table); http::Problem maps each to a status and a code.
enum class Code : std::uint8_t {
  kBadRequest,       // ambiguous or malformed request
  kUnauthenticated,  // no or unknown caller credential, expired, revoked
  kDenied,           // no grant for this upstream, method or path
  kNoUpstream,       // no mount matches
  kHeadTooLarge,     // request head over its limit
  kTooLarge,         // request body over its limit
  kLimited,          // a rate or quota is reached
  kNoCredential,     // every credential of the pool is unusable
  kUpstreamFailed,   // unreachable, or its TLS or protocol is wrong
  kUpstreamTimeout,  // too slow
  kUnavailable,      // a dependency of the gateway is down or full
  kNoResource,       // management: no such resource
  kConflict,  // management: it was changed by somebody else, or is there already, or is needed by others
  kMethodNotAllowed,  // management: the path is there, and takes other methods

  kInvalid,  // configuration, resource or argument is wrong; `what` names the place
  kNotFound,  // a file or record does not exist
  kIo,  // the operating system refused; `what` carries its reason
  kClosed,  // the peer closed or reset the connection
  kTimeout,  // a deadline passed (callers of net map it to who was slow)
  kCancelled,  // this side gave up waiting
  kInternal,  // a library failed in a way that names nobody outside
};

// Who has to act.
enum class Blame : std::uint8_t { kCaller, kUpstream, kOperator, kGateway };

// A failure that can be shown. `what` says what is wrong and, where it can, what to do.
//
// Secrets: an Error never carries one. `what` is a literal, or text built from material that is not
// secret (names, paths, numbers, errno); there is no way to build one from SecretBytes.
class [[nodiscard]] Error {
 public:
  // `what` must be a string literal (or outlive the process).
  template <std::size_t N>
  Error(Code code, Blame blame, const char (&what)[N]) noexcept
      : code_(code), blame_(blame), literal_(what, N - 1) {}

  // For text put together at run time, off the hot path (it allocates).
  static Error formatted(Code code, Blame blame, std::string what);

  // With `shown`, a literal, for callers: what `what` says beyond it (an address, a name inside) is for the operator alone.
  template <std::size_t N>
  static Error detailed(Code code, Blame blame, const char (&shown)[N], std::string what) {
    Error error = formatted(code, blame, std::move(what));
    error.literal_ = {shown, N - 1};
    return error;
  }

  // The same for a failed system call: "<doing>: <strerror(error_number)>".
  static Error from_errno(Code code, Blame blame, std::string_view doing, int error_number);

  Code code() const noexcept { return code_; }
  Blame blame() const noexcept { return blame_; }
  std::string_view what() const noexcept { return text_ ? std::string_view(*text_) : literal_; }
  // What of it is a literal, and so holds nothing that was found at run time; empty: nothing.
  std::string_view literal() const noexcept { return literal_; }

  // The same error, as callers see it, with another text for the operator.
  Error with_detail(std::string what) const;

  // The same error with `where: ` before its text. For adding context on the way up.
  Error within(std::string_view where) const;

 private:
  Error(Code code, Blame blame) noexcept : code_(code), blame_(blame) {}

  Code code_;
  Blame blame_;
  std::string_view literal_;
  std::shared_ptr<const std::string> text_;
};

// "bad_request", "unauthenticated", ...: the stable word of interface and log. Never empty.
std::string_view code_name(Code code) noexcept;

}  // namespace claviger
