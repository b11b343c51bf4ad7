// SPDX-License-Identifier: Apache-2.0
#include "cli/admin_client.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/json.h"
#include "base/parse.h"
#include "cli/admin_failure.h"
#include "cli/input.h"
#include "http/head_writer.h"
#include "server/version.h"

namespace claviger::cli {
namespace {

constexpr std::chrono::seconds kConnectLimit{15};
constexpr std::chrono::seconds kIdleLimit{30};
constexpr std::size_t kMaxAnswer = std::size_t{64} << 20;
constexpr std::size_t kMaxSecretAnswer = std::size_t{64} << 10;
constexpr std::size_t kMaxToken = 4096;
constexpr std::size_t kSendPiece = std::size_t{256} << 10;
constexpr std::size_t kMaxCaFile = std::size_t{4} << 20;

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): there is one thread
  return value == nullptr ? std::string() : std::string(value);
}

// Nothing but visible ASCII: what goes into a head cannot end it.
bool is_token(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMaxToken &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

template <class T>
net::Task<void> keep(net::Task<T> task, std::optional<T>& into) {
  into.emplace(co_await std::move(task));
}

template <class T>
T run_to_end(net::Loop& loop, net::Task<T> task) {
  std::optional<T> outcome;
  net::spawn(keep(std::move(task), outcome));
  while (!outcome.has_value()) loop.turn(std::chrono::seconds(1));
  return *std::move(outcome);
}

// The certificates of a PEM file, or the system's.
Result<std::shared_ptr<const net::ClientTrust>> trust_from(const std::string& file) {
  if (file.empty()) return net::ClientTrust::of_system();
  const auto pem = read_input(file, kMaxCaFile);
  if (!pem.has_value()) return pem.error().within("CLAVIGER_CACERT");
  auto trust = net::ClientTrust::of_pem(*pem);
  if (!trust.has_value()) return trust.error().within("CLAVIGER_CACERT: " + file);
  return trust;
}

void take_fields(const http::ResponseHead& head, AdminAnswer& answer) {
  answer.status = head.status;
  const auto value = [&](std::string_view name) {
    const http::Field* field = head.fields.find(name);
    return field == nullptr ? std::string() : std::string(field->value);
  };
  answer.request_id = value("X-Request-Id");
  answer.next = value("X-Claviger-Next");
  answer.key = value("X-Claviger-Key");
  answer.remaining = value("X-Claviger-Remaining");
  answer.unreadable = value("X-Claviger-Unreadable");
  const auto retry = base::parse_decimal(value("Retry-After"), UINT32_MAX);
  answer.retry_after_seconds = retry.has_value() ? static_cast<std::uint32_t>(*retry) : 0;
}

}  // namespace

// Where the bytes of an answer go: ordinary memory, or the arena.
struct AdminClient::Sink {
  std::string* text = nullptr;
  base::SecretBytes* secret = nullptr;
  std::size_t used = 0;

  // False when the answer is larger than it may be.
  bool take(std::string_view piece) {
    if (piece.size() > (text != nullptr ? kMaxAnswer : secret->size()) - used) return false;
    if (text != nullptr) text->append(piece);
    else
      std::ranges::copy(std::as_bytes(std::span(piece)),
                        secret->reveal().begin() + static_cast<std::ptrdiff_t>(used));
    used += piece.size();
    return true;
  }
  void start_over() noexcept {
    used = 0;
    if (text != nullptr) text->clear();
  }
};

AdminClient::AdminClient(server::SecretMemory memory, AdminAddress address)
    : memory_(std::move(memory)), address_(std::move(address)) {}

Result<std::unique_ptr<AdminClient>> AdminClient::create() {
  server::SecretMemory memory = CLV_TRY(server::prepare_process());
  auto sources = std::make_unique<vault::SecretSources>(*memory.key);
  // Before anything else: from here on /proc/PID/environ does not show it.
  auto token = sources->read("env:CLAVIGER_TOKEN");
  if (!token.has_value()) return no_token();
  if (!is_token(token->reveal_text()))
    return Error(Code::kInvalid, Blame::kOperator,
                 "CLAVIGER_TOKEN is no API key: it holds spaces, line ends or other bytes that none has");
  const std::string where = environment("CLAVIGER_ADDR");
  AdminAddress address = CLV_TRY(parse_admin_address(where.empty() ? kDefaultAdminAddress : where));
  std::unique_ptr<AdminClient> client(new AdminClient(std::move(memory), std::move(address)));
  client->sources_ = std::move(sources);
  client->token_ = *std::move(token);
  client->loop_ = CLV_TRY(net::Loop::create(client->clock_));
  client->resolver_ = CLV_TRY(net::Resolver::create(*client->loop_));
  if (client->address_.tls) {
    auto trust = CLV_TRY(trust_from(environment("CLAVIGER_CACERT")));
    client->tls_ = std::make_shared<net::ClientTls>(
        std::move(trust), net::ClientTlsOptions{.server_name = client->address_.destination.host,
                                                .name_is_ip = client->address_.host_is_ip});
  }
  return client;
}

Result<base::SecretBytes> AdminClient::write_head(const AdminRequest& request, std::size_t& size) {
  base::SecretBytes room = CLV_TRY(base::SecretBytes::allocate(
      memory_.arena, 512 + request.target.size() + address_.authority.size() + token_.size()));
  http::HeadWriter head({reinterpret_cast<char*>(room.reveal().data()), room.size()});
  head.append(request.method);
  head.append(" ");
  head.append(request.target);
  head.append(" HTTP/1.1\r\n");
  head.field("Host", address_.authority);
  head.append("Authorization: Bearer ");
  head.append(token_.reveal_text());
  head.append("\r\n");
  head.append("User-Agent: claviger/");
  head.append(server::kVersion);
  head.append("\r\n");
  if (!request.content_type.empty()) head.field("Content-Type", request.content_type);
  if (!request.content_type.empty() || request.method != "GET")
    head.field("Content-Length", request.body.size());
  head.end();
  if (!head.fits()) return Error(Code::kInvalid, Blame::kOperator, "the request's head is too large");
  size = head.size();
  return room;
}

net::Task<Result<void>> AdminClient::connect() {
  auto stream = CLV_CO_TRY(
      co_await net::connect(*loop_, *resolver_, address_.destination, tls_, {kConnectLimit, kConnectLimit}));
  connection_ = std::make_unique<http::ClientConnection>(std::move(stream), buffers_);
  co_return ok();
}

net::Task<Result<void>> AdminClient::send(const AdminRequest& request) {
  std::size_t size = 0;
  const base::SecretBytes head = CLV_CO_TRY(write_head(request, size));
  CLV_CO_TRY_VOID(co_await connection_->send(head.reveal_text().substr(0, size), kIdleLimit));
  for (std::string_view rest = request.body; !rest.empty();) {
    const std::string_view piece = rest.substr(0, kSendPiece);
    CLV_CO_TRY_VOID(co_await connection_->send(piece, kIdleLimit));
    rest.remove_prefix(piece.size());
  }
  co_return ok();
}

net::Task<Result<void>> AdminClient::receive(http::Method method, AdminAnswer& answer, Sink& sink) {
  do CLV_CO_TRY_VOID(co_await connection_->read_head(method, {}, kIdleLimit));
  while (connection_->head().status < 200);
  take_fields(connection_->head(), answer);
  for (;;) {
    const std::string_view piece = CLV_CO_TRY(co_await connection_->read_body(kIdleLimit));
    if (piece.empty()) break;
    if (!sink.take(piece))
      co_return Error(Code::kTooLarge, Blame::kUpstream, "the answer is larger than any that is expected");
  }
  co_return ok();
}

net::Task<Result<void>> AdminClient::talk(const AdminRequest& request, AdminAnswer& answer, Sink& sink,
                                          bool may_reuse) {
  if (!may_reuse || connection_ == nullptr || !connection_->is_fresh()) CLV_CO_TRY_VOID(co_await connect());
  connection_->begin();
  const auto sent = co_await send(request);
  // Whoever refuses early answers, and may not read the rest: what it says counts for more than the broken pipe.
  auto received = co_await receive(http::method_of(request.method), answer, sink);
  const bool can_go_on = connection_->finish(sent.has_value() && received.has_value());
  if (!can_go_on) {
    const bool had_answer = connection_->answer_began();
    connection_.reset();
    if (!received.has_value() && !sent.has_value() && !had_answer) co_return sent;
  }
  co_return received;
}

Result<void> AdminClient::run(const AdminRequest& request, AdminAnswer& answer, Sink& sink) {
  loop_->turn(std::chrono::milliseconds::zero());  // time has passed, and the peer may have closed
  const bool may_reuse = request.method == "GET";
  const bool had_connection = may_reuse && connection_ != nullptr;
  auto done = run_to_end(*loop_, talk(request, answer, sink, may_reuse));
  // It may have been closed just then. Asking again does no harm.
  if (!done.has_value() && had_connection && connection_ == nullptr && answer.status == 0) {
    sink.start_over();
    done = run_to_end(*loop_, talk(request, answer, sink, false));
  }
  if (!done.has_value()) return connection_failure(done.error(), address_);
  return ok();
}

Result<AdminAnswer> AdminClient::exchange(const AdminRequest& request) {
  AdminAnswer answer;
  Sink sink{.text = &answer.body};
  CLV_TRY_VOID(run(request, answer, sink));
  return answer;
}

Result<AdminAnswer> AdminClient::call(const AdminRequest& request) {
  AdminAnswer answer = CLV_TRY(exchange(request));
  if (answer.status >= 300)
    return refusal(answer.status, answer.body, answer.request_id, answer.retry_after_seconds, address_);
  return answer;
}

Result<base::Document> AdminClient::call_json(std::string_view method, std::string target,
                                              std::string_view json) {
  const AdminAnswer answer = CLV_TRY(
      call({method, std::move(target), json.empty() ? std::string_view() : "application/json", json}));
  return base::parse_json(answer.body, "the gateway's answer");
}

Result<base::SecretBytes> AdminClient::call_for_secret(const AdminRequest& request) {
  base::SecretBytes body = CLV_TRY(base::SecretBytes::allocate(memory_.arena, kMaxSecretAnswer));
  AdminAnswer answer;
  Sink sink{.secret = &body};
  CLV_TRY_VOID(run(request, answer, sink));
  body.shrink(sink.used);
  if (answer.status >= 300)  // no secret in a refusal
    return refusal(answer.status, body.reveal_text(), answer.request_id, answer.retry_after_seconds,
                   address_);
  return body;
}

}  // namespace claviger::cli
