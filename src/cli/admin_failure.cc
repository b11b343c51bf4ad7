// SPDX-License-Identifier: Apache-2.0
#include "cli/admin_failure.h"

#include "base/json.h"
#include "cli/document_fields.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

Error failure(Code code, std::string what) {
  return Error::formatted(code, Blame::kOperator, std::move(what));
}

// net and http know the other side as an upstream.
std::string in_our_words(std::string_view what) {
  constexpr std::string_view kTheirs = "upstream";
  std::string text(what);
  for (std::size_t at = text.find(kTheirs); at != std::string::npos; at = text.find(kTheirs, at))
    text.replace(at, kTheirs.size(), "gateway");
  return printable(text);
}

std::string join(std::string_view what, std::string_view detail) {
  return detail.empty() ? std::string(what) : std::string(what) + ": " + std::string(detail);
}

// Behind the name of a variable no colon may stand: the redaction of messages takes what follows for its value.
std::string in_brackets(std::string_view detail) {
  return detail.empty() ? std::string() : " (" + std::string(detail) + ")";
}

}  // namespace

Error connection_failure(const Error& why, const AdminAddress& address) {
  const std::string what = in_our_words(why.what());
  if (what.contains("Connection refused"))
    return failure(why.code(),
                   "nothing answers at " + address.text +
                       ": is the gateway running there? If it listens elsewhere, set CLAVIGER_ADDR");
  if (what.contains("mismatch"))
    return failure(why.code(), address.text + ": " + what +
                                   ": in CLAVIGER_ADDR, call it by a name that its certificate is for");
  if (what.contains("certificate is not valid"))
    return failure(why.code(), address.text + ": " + what +
                                   ": if the gateway made its certificate itself, set "
                                   "CLAVIGER_CACERT=DIR/ca.pem, where DIR is its data directory");
  if (!address.tls && what.contains("closed the connection"))
    return failure(why.code(), address.text + ": " + what + ": does it speak https://?");
  return failure(why.code(), address.text + ": " + what);
}

std::string problem_detail(std::string_view body) {
  const auto problem = base::parse_json(body, "answer");
  if (!problem.has_value()) return {};
  const std::string_view detail = text_member(*problem, "detail");
  return printable(detail.empty() ? text_member(*problem, "title") : detail);
}

Error refusal(unsigned status, std::string_view body, std::string_view request_id,
              std::uint32_t retry_after_seconds, const AdminAddress& address) {
  const std::string detail = problem_detail(body);
  const std::string request = request_id.empty() ? std::string() : " (request " + printable(request_id) + ")";
  switch (status) {
    case 401:
      return failure(Code::kUnauthenticated,
                     "the gateway does not accept the key in CLAVIGER_TOKEN" + in_brackets(detail) +
                         ". The first one is in admin.key of its data directory" + request);
    case 403:
      return failure(Code::kDenied,
                     "the principal of the key in CLAVIGER_TOKEN may not do this" + in_brackets(detail) +
                         ". It takes `management: admin`, or `read` for looking alone" + request);
    case 404:
      return failure(Code::kNoResource, join("not found", detail) + request);
    case 409:
      return failure(Code::kConflict, join("conflict", detail) + request);
    case 429: {
      const std::string when =
          retry_after_seconds == 0 ? "a moment" : std::to_string(retry_after_seconds) + " s";
      return failure(Code::kLimited, join("too many requests from this address", detail) + "; try again in " +
                                         when + request);
    }
    case 503:
      return failure(Code::kUnavailable, join("the gateway cannot do this now", detail) +
                                             "; `claviger status` says more" + request);
    default:
      break;
  }
  if (status >= 300 && status < 400)
    return failure(Code::kInvalid, "something at " + address.text + " answered with a redirect (" +
                                       std::to_string(status) +
                                       "), which is not followed: set CLAVIGER_ADDR to the gateway itself");
  if (detail.empty())
    return failure(Code::kInvalid, "the answer of " + address.text + " was " + std::to_string(status) +
                                       " without a reason: is this the admin listener of the gateway?" +
                                       request);
  const std::string_view lead = status >= 500 ? "the gateway failed" : "the gateway refuses this";
  return failure(Code::kInvalid, join(lead, detail) + request);
}

Error no_token() {
  return {Code::kUnauthenticated, Blame::kOperator,
          "CLAVIGER_TOKEN is not set: it takes an API key whose principal may manage the gateway. The first "
          "one is in "
          "admin.key of its data directory"};
}
bool is_no_token(const Error& error) noexcept { return error.what() == no_token().what(); }

}  // namespace claviger::cli
