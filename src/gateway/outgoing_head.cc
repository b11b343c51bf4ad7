// SPDX-License-Identifier: Apache-2.0
#include "gateway/outgoing_head.h"

#include <algorithm>

#include "http/path.h"

namespace claviger::gateway {
namespace {

// Whether a part of a query between two '&' sets one of the parameters: by its name, by a name behind a ';'
// (which some servers take for '&'), or as an array (`key[]`).
bool sets_credential(std::string_view part, const UpstreamRuntime& upstream) {
  bool found = false;
  while (!part.empty() && !found) {
    const std::size_t end = std::min(part.find(';'), part.size());
    const std::string_view name = part.substr(0, std::min(end, part.find_first_of("=[")));
    part.remove_prefix(std::min(end + 1, part.size()));
    found = std::any_of(upstream.strip_queries.begin(), upstream.strip_queries.end(),
                        [&](const auto& wanted) { return http::is_query_parameter(name, wanted); });
  }
  return found;
}

// The caller's query without parameters that its credential will set: a caller does not bring its own.
// True when something was written.
bool write_query(std::string_view query, const UpstreamRuntime& upstream, http::HeadWriter& out) {
  if (upstream.strip_queries.empty()) {
    out.append('?');
    out.append(query);
    return true;
  }
  bool wrote = false;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (sets_credential(part, upstream)) continue;
    out.append(wrote ? '&' : '?');
    out.append(part);
    wrote = true;
  }
  return wrote;
}

Result<void> write_request_line(const Call& call, const credentials::Attaching& with, http::HeadWriter& out) {
  const http::RequestHead& head = *call.head;
  const credentials::Credential& credential = *call.credential->credential;
  const std::string& base_path = call.upstream->resource->base_url.path;
  out.append(head.method_text);
  out.append(' ');
  out.append(base_path);
  out.append(call.rest.empty() && base_path.empty() ? std::string_view("/") : call.rest);
  const bool has_query = head.has_query && write_query(head.query, *call.upstream, out);
  if (!credential.query_name().empty()) {
    out.append(has_query ? '&' : '?');
    CLV_TRY_VOID(credential.write_query(out, with));
  }
  out.append(" HTTP/1.1\r\n");
  return ok();
}

void write_framing(const Call& call, bool is_coded, http::HeadWriter& out) {
  const http::RequestHead& head = *call.head;
  if (call.body) {
    if (head.framing != http::Framing::kNone) out.field("Content-Length", call.body->size);
    return;
  }
  if (is_coded) {
    out.field("Content-Length", call.credential->credential->coded_size(head));
  } else if (head.framing == http::Framing::kChunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  } else if (head.framing == http::Framing::kLength) {
    out.field("Content-Length", head.content_length);
  }
  if (head.expects_continue) out.append("Expect: 100-continue\r\n");
}

}  // namespace

Result<void> write_outgoing_head(const Call& call, std::string_view host, vault::Opener& opener,
                                 http::HeadWriter& out, std::unique_ptr<credentials::BodyCoder>* coder) {
  const http::RequestHead& head = *call.head;
  const bool is_coded = call.credential->credential->body_need(head) == credentials::BodyNeed::kCoded;
  const credentials::Attaching with{.opener = opener,
                                    .now = call.wall,
                                    .token = call.token.get(),
                                    .payload = call.body ? &call.body->digest : nullptr,
                                    .request = &head,
                                    .coder = coder};
  CLV_TRY_VOID(write_request_line(call, with, out));
  out.field("Host", host);
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    if (!call.forward[i]) continue;
    if (is_coded && head.fields[i].known == http::FieldName::kContentEncoding)
      continue;  // the credential's to say
    out.field(head.fields[i].name, head.fields[i].value);
  }
  // What is coded could not be searched for the credential.
  if (call.upstream->masks) out.append("Accept-Encoding: identity\r\n");
  if (call.trace.is_there()) {
    const auto parent = write_traceparent(call.trace, call.span_id());
    out.field("traceparent", {parent.data(), parent.size()});
  }
  out.field("X-Request-Id", call.id());
  write_framing(call, is_coded, out);
  CLV_TRY_VOID(call.credential->credential->write_fields(out, with));
  out.end();
  if (!out.fits())
    return Error(Code::kHeadTooLarge, Blame::kCaller,
                 "the request head is too large to be sent on with a credential");
  return ok();
}

}  // namespace claviger::gateway
