// SPDX-License-Identifier: Apache-2.0
#include "gateway/answer_head.h"

#include "base/parse.h"
#include "http/list.h"

namespace claviger::gateway {
namespace {

using http::FieldName;

constexpr bool is_dropped(FieldName name) noexcept {
  switch (name) {
    case FieldName::kConnection:
    case FieldName::kKeepAlive:
    case FieldName::kProxyConnection:
    case FieldName::kProxyAuthenticate:
    case FieldName::kTe:
    case FieldName::kTrailer:
    case FieldName::kTransferEncoding:
    case FieldName::kUpgrade:
    case FieldName::kContentLength:
    case FieldName::kXClavigerError:   // the gateway's own word
    case FieldName::kVia:
      return true;
    default:
      return false;
  }
}

// Alt-Svc would lead callers around the gateway.
bool is_alt_svc(const http::Field& field) noexcept {
  return field.name.size() == 7 && base::equals_ignore_case(field.name, "alt-svc");
}

// Would hand the caller a credential of the upstream's making (Set-Cookie2: RFC 2965, obsolete).
bool is_cookie(const http::Field& field) noexcept {
  return field.known == FieldName::kSetCookie ||
         (field.known == FieldName::kOther && field.name.size() == 11 &&
          base::equals_ignore_case(field.name, "set-cookie2"));
}

bool is_nominated(const http::Fields& fields, std::string_view name) noexcept {
  bool nominated = false;
  for (const http::Field& field : fields) {
    if (field.known != FieldName::kConnection) continue;
    http::for_each_element(field.value, [&](std::string_view token) {
      nominated |= base::equals_ignore_case(token, name);
      return !nominated;
    });
  }
  return nominated;
}

void write_fields(const http::ResponseHead& answer, const policy::AnswerRules& rules,
                  http::HeadWriter& out) noexcept {
  const bool has_connection = answer.fields.find(FieldName::kConnection) != nullptr;
  for (const http::Field& field : answer.fields) {
    if (is_dropped(field.known) || (field.known == FieldName::kOther && is_alt_svc(field))) continue;
    if (!rules.pass_cookies && is_cookie(field)) continue;
    if (has_connection && is_nominated(answer.fields, field.name)) continue;
    out.field(field.known == FieldName::kXRequestId ? std::string_view("X-Upstream-Request-Id") : field.name,
              field.value);
  }
}

}  // namespace

AnswerFraming answer_framing(const http::RequestHead& request, const http::ResponseHead& answer) noexcept {
  switch (answer.framing) {
    case http::Framing::kNone:
      return AnswerFraming::kNone;
    case http::Framing::kLength:
      return AnswerFraming::kLength;
    default:
      return request.minor == 0 ? AnswerFraming::kUntilClose : AnswerFraming::kChunked;
  }
}

bool write_answer_head(const http::RequestHead& request, const http::ResponseHead& answer,
                       AnswerFraming framing, bool keep_alive, std::string_view request_id,
                       const policy::AnswerRules& rules, http::HeadWriter& out) noexcept {
  out.status_line(answer.status, answer.reason);
  write_fields(answer, rules, out);
  out.field("X-Request-Id", request_id);
  // With kNone this is what a GET would have got (HEAD) or what the caller has already (304).
  if (framing == AnswerFraming::kLength || (framing == AnswerFraming::kNone && answer.has_content_length))
    out.field("Content-Length", answer.content_length);
  if (framing == AnswerFraming::kChunked) out.append("Transfer-Encoding: chunked\r\n");
  if (!keep_alive) out.append("Connection: close\r\n");
  else if (request.minor == 0) out.append("Connection: keep-alive\r\n");
  out.end();
  return out.fits();
}

bool write_interim_head(const http::ResponseHead& answer, const policy::AnswerRules& rules,
                        http::HeadWriter& out) noexcept {
  out.status_line(answer.status, answer.reason);
  write_fields(answer, rules, out);
  out.end();
  return out.fits();
}

}  // namespace claviger::gateway
