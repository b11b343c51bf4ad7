// SPDX-License-Identifier: Apache-2.0
// Where secrets come in and go out. They are in the arena and in the connection's buffers, which are wiped.
#include "doors/admin/secrets.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "doors/admin/answerers.h"
#include "doors/admin/answers.h"
#include "doors/admin/changes.h"
#include "doors/admin/conditions.h"
#include "doors/admin/request_body.h"

namespace claviger::doors::admin {
namespace {

Result<registry::KeyRequest> read_key_request(const base::Document& document) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(document, "api_key"));
  registry::KeyRequest request;
  const auto kind = CLV_TRY(reader.optional_string("kind"));
  if (kind && *kind != "api_key") return base::invalid_at(reader.place(), "kind: 'api_key' expected");
  request.principal = CLV_TRY(reader.required_string("principal"));
  request.cidrs = CLV_TRY(reader.strings_or_empty("cidrs"));
  const base::Document* const cidrs = find_field(document, "cidrs");
  if (cidrs != nullptr && request.cidrs.empty())
    return base::invalid_at(cidrs->place,
                            "api_key.cidrs: says none, which would mean anywhere: leave it out for that");
  if (const auto expires = CLV_TRY(reader.optional_string("expires"))) {
    const auto time = base::parse_rfc3339(*expires);
    if (!time.has_value())
      return base::invalid_at(reader.place(),
                              "api_key.expires: a time such as 2027-01-01T00:00:00Z expected");
    request.expires = *time;
  }
  CLV_TRY_VOID(reader.finish());
  return request;
}

}  // namespace

net::Task<Result<void>> create_key(Context& context, AdminCall& call, base::Document document) {
  auto request = read_key_request(document);
  if (!request.has_value()) co_return bad_request(std::string(request.error().what()));
  const registry::CreatedKey made =
      CLV_CO_TRY(co_await call.registry_of(context).create_key(call.actor, *std::move(request)));
  Answer answer{.status = 201};
  answer.fields.emplace_back("ETag", fmt::format("\"{}\"", made.view.revision));
  answer.fields.emplace_back("Location", fmt::format("/api/v1/api_keys/{}", made.view.name));
  co_return co_await write_answer(
      call, std::move(answer),
      {R"({"key":")", made.text.reveal_text(), R"(","resource":)", made.view.json, "}\n"});
}

Answered put_secret(Context& context, AdminCall& call) {
  CLV_CO_TRY_VOID(call.query.finish());
  registry::Change change;
  change.if_match = CLV_CO_TRY(read_if_match(call.head->fields));
  change.verb = registry::Verb::kSetSecret;
  change.kind = call.kind;
  change.name = call.name;
  change.secret = CLV_CO_TRY(co_await read_secret(context, call));
  co_return co_await make_change(context, call, std::move(change));
}

}  // namespace claviger::doors::admin
