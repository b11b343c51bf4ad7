// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "base/parse.h"
#include "gateway/stages/stages.h"
#include "gateway/strip_names.h"
#include "http/list.h"
#include "identity/api_key.h"

namespace claviger::gateway::stages {
namespace {

using http::FieldName;

// Not forwarded as they stand: credentials, what is between two hops only (RFC 9110 section 7.6.1), what the relay
// writes itself, and what would tell the upstream about the caller's network.
constexpr bool is_dropped(FieldName name) noexcept {
  switch (name) {
    case FieldName::kAuthorization:
    case FieldName::kProxyAuthorization:
    case FieldName::kCookie:
    case FieldName::kXApiKey:
    case FieldName::kXGoogApiKey:
    case FieldName::kConnection:
    case FieldName::kKeepAlive:
    case FieldName::kProxyConnection:
    case FieldName::kProxyAuthenticate:
    case FieldName::kTe:
    case FieldName::kTraceparent:
    case FieldName::kTrailer:
    case FieldName::kTransferEncoding:
    case FieldName::kUpgrade:
    case FieldName::kHttp2Settings:
    case FieldName::kHost:
    case FieldName::kContentLength:
    case FieldName::kExpect:
    case FieldName::kXRequestId:
    case FieldName::kXClavigerError:
    case FieldName::kForwarded:
    case FieldName::kVia:
    case FieldName::kXForwardedFor:
    case FieldName::kXForwardedHost:
    case FieldName::kXForwardedPort:
    case FieldName::kXForwardedProto:
    case FieldName::kXRealIp:
      return true;
    default:
      return false;
  }
}

// The names above that an upstream may also know with underscores.
constexpr std::array<std::string_view, 7> kFoldedNames{
    "authorization",  "proxy-authorization", "cookie",           "x-api-key",
    "x-goog-api-key", "content-length",      "transfer-encoding"};

bool is_credential_in_disguise(std::string_view name, const UpstreamRuntime& upstream) noexcept {
  const auto matches = [&](std::string_view folded) { return equals_folded(name, folded); };
  return std::any_of(upstream.strip_fields.begin(), upstream.strip_fields.end(), matches) ||
         (name.find('_') != std::string_view::npos &&
          std::any_of(kFoldedNames.begin(), kFoldedNames.end(), matches));
}

// What asks for an answer that could not be searched: coded, in another character set, or a part of the whole (RFC 9110 sections
// 12.5 and 14, RFC 3229). Some upstreams know them with underscores.
bool asks_for_other_bytes(const http::Field& field) noexcept {
  constexpr std::array<std::string_view, 5> kNames{"accept-encoding", "range", "if-range", "a-im",
                                                   "accept-charset"};
  if (field.known == FieldName::kAcceptEncoding || field.known == FieldName::kRange) return true;
  if (field.known != FieldName::kOther) return false;
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view name) { return equals_folded(field.name, name); });
}

// A trace state belongs to a trace.
void look_for_trace(Call& call, bool begins_traces) noexcept {
  const http::Fields& fields = call.head->fields;
  call.trace = find_trace(fields);
  if (call.trace.state == TraceContext::State::kContinued) return;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (fields[i].known == FieldName::kTracestate) call.forward.reset(i);
  if (begins_traces) call.trace = begin_trace(call.id());
}

// Fields that the caller's Connection names are between the two of us.
void drop_nominated(const http::Fields& fields, std::bitset<http::kMaxFields>& forward) noexcept {
  for (const http::Field& connection : fields) {
    if (connection.known != FieldName::kConnection) continue;
    http::for_each_element(connection.value, [&](std::string_view token) {
      for (std::size_t i = 0; i < fields.size(); ++i)
        if (base::equals_ignore_case(fields[i].name, token)) forward.reset(i);
      return true;
    });
  }
}

}  // namespace

Result<void> strip(Call& call, Worker& worker) noexcept {
  const http::Fields& fields = call.head->fields;
  const bool begins_traces = worker.settings.begins_traces;
  const bool masks = call.upstream->masks;
  bool has_connection = false;
  bool has_trace = begins_traces;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const http::Field& field = fields[i];
    has_connection |= field.known == FieldName::kConnection;
    has_trace |= field.known == FieldName::kTraceparent || field.known == FieldName::kTracestate;
    call.forward[i] = !is_dropped(field.known) && !is_credential_in_disguise(field.name, *call.upstream) &&
                      !identity::contains_api_key(field.value) && !(masks && asks_for_other_bytes(field));
  }
  if (has_trace) look_for_trace(call, begins_traces);
  if (has_connection) drop_nominated(fields, call.forward);
  return ok();
}

}  // namespace claviger::gateway::stages
