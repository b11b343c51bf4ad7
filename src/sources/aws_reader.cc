// SPDX-License-Identifier: Apache-2.0
#include "sources/aws_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.h"
#include "base/secret_json.h"
#include "credentials/aws_signature.h"

namespace claviger::sources {
namespace {

constexpr std::string_view kService = "secretsmanager";
constexpr std::string_view kTarget = "secretsmanager.GetSecretValue";
constexpr std::string_view kContentType = "application/x-amz-json-1.1";
constexpr std::string_view kWhat = "the secret manager's answer";
constexpr std::size_t kHeadRoom = std::size_t{32} << 10;  // twice what is written, to be signed in
constexpr std::size_t kMostKey = std::size_t{4} << 10;

Error failed(std::string what, Blame blame = Blame::kOperator) {
  return Error::formatted(Code::kUpstreamFailed, blame, "the secret manager " + std::move(what));
}

struct KnownError {
  std::string_view type;
  const char* what;
  Blame blame;
};
constexpr std::array<KnownError, 9> kKnownErrors = {{
    {"ResourceNotFoundException", "has no secret of that name", Blame::kOperator},
    {"AccessDeniedException", "refuses it: access denied", Blame::kOperator},
    {"UnrecognizedClientException", "does not know the access key", Blame::kOperator},
    {"InvalidSignatureException", "refuses the signature: is the secret access key right, and the clock?",
     Blame::kOperator},
    {"ExpiredTokenException", "refuses the session token: it has expired", Blame::kOperator},
    {"DecryptionFailure", "cannot decrypt the secret", Blame::kOperator},
    {"InvalidRequestException", "cannot give it in its state: is it scheduled for deletion?",
     Blame::kOperator},
    {"ThrottlingException", "wants fewer requests", Blame::kUpstream},
    {"InternalServiceError", "has an error of its own", Blame::kUpstream},
}};

// An error's type may come with a name space before it: "com.amazonaws...#ResourceNotFoundException".
Error error_of(const http::FetchAnswer& answer, base::SecretArena& arena) {
  const auto json = base::SecretJson::parse(answer.body.reveal_text(), arena, kWhat);
  if (json.has_value()) {
    std::string_view type = json->text({"__type"}).value_or("");
    type.remove_prefix(type.rfind('#') + 1);
    for (const KnownError& known : kKnownErrors)
      if (known.type == type) return failed(known.what, known.blame);
  }
  const bool is_passing = answer.status == 429 || answer.status >= 500;
  return failed(fmt::format("answers {}", answer.status), is_passing ? Blame::kUpstream : Blame::kOperator);
}

Result<base::SecretBytes> value_of(std::string_view text, const std::string& part, base::SecretArena& arena) {
  if (text.empty()) return failed("has an empty one");
  if (part.empty()) return base::SecretBytes::copy_of(arena, std::as_bytes(std::span(text)));
  const auto object = base::SecretJson::parse(text, arena, "the secret");
  if (!object.has_value()) return failed("has one that is no JSON object, so it has no keys");
  const auto value = object->text({part});
  if (!value || value->empty())
    return failed(fmt::format("has one without a text under the key '{}'", base::printable_name(part)));
  return base::SecretBytes::copy_of(arena, std::as_bytes(std::span(*value)));
}

// The value of a field that was written into a head; empty without it. `mark` is what stands before it: line end, name, colon.
std::string_view field_of(std::string_view head, std::string_view mark) noexcept {
  const std::size_t at = head.find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = head.substr(at + mark.size());
  return rest.substr(0, rest.find("\r\n"));
}

}  // namespace

// The fields that a signature comes with, as views into memory that is theirs.
struct AwsReader::Signed {
  base::SecretBytes memory;
  std::array<http::FetchField, 6> fields;
  std::size_t count = 0;
};

Result<std::unique_ptr<Reader>> AwsReader::create(const AwsOptions& options, vault::SecretSources& secrets) {
  auto target = CLV_TRY(make_target(options.address));
  return std::unique_ptr<Reader>(new AwsReader(options, std::move(target), secrets));
}

Result<AwsReader::Signed> AwsReader::sign(const std::string& body, WallTime now, base::SecretArena& arena) {
  const auto id = CLV_TRY(secrets_.read(options_.access_key_id));
  const auto secret = CLV_TRY(secrets_.read(options_.secret_access_key));
  base::SecretBytes session;
  if (!options_.session_token.empty()) session = CLV_TRY(secrets_.read(options_.session_token));
  if (id.size() > kMostKey || session.size() > kMostKey || secret.size() > credentials::kMaxAwsSecretKey)
    return Error(Code::kInvalid, Blame::kOperator, "the keys for the secret manager are too long to be some");

  Signed made{.memory = CLV_TRY(base::SecretBytes::allocate(arena, kHeadRoom))};
  http::HeadWriter out({reinterpret_cast<char*>(made.memory.reveal().data()), made.memory.size()});
  out.append("POST / HTTP/1.1\r\n");
  out.field("Host", target_.authority);
  out.field("Content-Type", kContentType);
  out.field("X-Amz-Target", kTarget);
  const credentials::AwsTime time(now);
  const auto digest = credentials::aws_hex(crypto::Sha256().digest(std::string_view(body)));
  CLV_TRY(credentials::sign_aws_request(out, {id.reveal_text(), secret.reveal_text(), session.reveal_text()},
                                        {.region = options_.region, .service = kService}, time,
                                        credentials::text_of(digest)));
  if (!out.fits()) return Error(Code::kInternal, Blame::kGateway, "a signed request has no room");
  const std::string_view head = out.text();
  made.fields = {{{"Content-Type", kContentType},
                  {"X-Amz-Target", kTarget},
                  {"X-Amz-Date", field_of(head, "\r\nX-Amz-Date: ")},
                  {"Authorization", field_of(head, "\r\nAuthorization: ")},
                  {"X-Amz-Security-Token", field_of(head, "\r\nX-Amz-Security-Token: ")}}};
  made.count = session.empty() ? 4 : 5;
  return made;
}

net::Task<Result<Reading>> AwsReader::read(const http::FetchSurroundings& around, std::string place,
                                           std::vector<std::string> parts,
                                           std::optional<std::chrono::seconds>& wait) {
  std::string body = "{\"SecretId\":";
  base::append_json_string(body, place);
  body += '}';
  const Signed request = CLV_CO_TRY(sign(body, around.loop.wall_now(), around.arena));
  const auto answer =
      CLV_CO_TRY(co_await http::fetch(around, target_,
                                      {.method = http::Method::kPost,
                                       .target = "/",
                                       .fields = std::span(request.fields).first(request.count),
                                       .body = body}));
  wait = answer.retry_after;
  if (answer.status != 200) co_return error_of(answer, around.arena);
  const auto json = CLV_CO_TRY(base::SecretJson::parse(answer.body.reveal_text(), around.arena, kWhat));
  const auto text = json.text({"SecretString"});
  if (!text) co_return failed("has one that is no text (SecretBinary)");
  Reading reading;
  for (const std::string& part : parts) reading.values.push_back(value_of(*text, part, around.arena));
  co_return reading;
}

}  // namespace claviger::sources
