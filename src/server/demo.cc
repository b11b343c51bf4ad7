// SPDX-License-Identifier: Apache-2.0
#include "server/demo.h"

#include <utility>

#include "base/json.h"
#include "telemetry/redact.h"

namespace claviger::server {
namespace {

const registry::Actor kDemo{.principal = "demo", .key_id = {}, .address = {}, .request_id = {}};
constexpr std::string_view kCredential = "fake-demo-credential-of-the-upstream";

void append_member(std::string& out, std::string_view name, std::string_view value) {
  out += "  \"";
  telemetry::append_json_escaped(out, name);
  out += "\": \"";
  telemetry::append_json_escaped(out, value);
  out += "\",\n";
}

}  // namespace

// Answers with what it received, so that one can see what the gateway made of the request.
class Demo::Echo final : public http::Handler {
 public:
  net::Task<void> handle(http::ServerConnection& caller) override {
    const http::RequestHead& head = caller.head();
    std::string body = "{\n";
    append_member(body, "you_reached", "the demo upstream, through Claviger");
    append_member(body, "method", head.method_text);
    append_member(body, "target", head.target);
    std::string fields;
    for (const http::Field& field : head.fields) append_member(fields += "  ", field.name, field.value);
    if (!fields.empty()) fields.resize(fields.size() - 2);
    body += "  \"headers_the_upstream_saw\": {\n" + fields + "\n  },\n";
    co_await answer(caller, body);
  }

  net::Task<void> refuse(http::ServerConnection& caller, Error) override {
    caller.abort();
    co_return;
  }

 private:
  static net::Task<void> answer(http::ServerConnection& caller, std::string& body) {
    std::uint64_t size = 0;
    for (;;) {
      const auto piece = co_await caller.read_body();
      if (!piece.has_value() || piece->empty()) break;
      size += piece->size();
    }
    body += "  \"body_bytes\": " + std::to_string(size) + "\n}\n";
    http::HeadWriter out(caller.head_room());
    out.status_line(200, "");
    out.field("Content-Type", "application/json");
    out.field("Content-Length", body.size());
    out.end();
    caller.wrote(out.size());
    auto sent = ok();
    if (caller.head().method != http::Method::kHead) sent = co_await caller.write(body);
    if (sent.has_value()) sent = co_await caller.flush();
    if (!sent.has_value()) caller.abort();
  }
};

Demo::Demo() : echo_(std::make_unique<Echo>()) {}
Demo::~Demo() = default;

Result<std::unique_ptr<Demo>> Demo::create(net::Loop& control) {
  std::unique_ptr<Demo> demo(new Demo());
  const auto anywhere = net::parse_endpoint("127.0.0.1:0");
  const net::ListeningSocket socket = CLV_TRY(net::listen_on(*anywhere, false));
  demo->port_ = socket.bound.port;
  demo->connections_ = std::make_unique<Connections>(
      control, demo->buffers_, demo->metrics_, *demo->echo_,
      Connections::Options{std::make_shared<const http::ServerLimits>(), demo->admission_});
  CLV_TRY_VOID(demo->connections_->listen(socket.fd, nullptr));
  return demo;
}

net::Task<Result<base::SecretBytes>> Demo::set_up(registry::Registry& registry, SecretMemory& memory) {
  std::vector<registry::Change> resources;
  for (
      const std::string& text : {
          R"({"kind":"upstream","name":"echo","mount":"/echo","base_url":"http://127.0.0.1:)" +
              std::to_string(port_) +
              R"(","auth":{"kind":"bearer"},"allow_plaintext":true,"allow_private_addresses":["127.0.0.1/32"]})",
          std::string(R"({"kind":"credential","name":"echo-credential","upstream":"echo"})"),
          std::string(R"({"kind":"principal","name":"demo","type":"user"})"),
          std::string(R"({"kind":"grant","name":"demo-echo","principal":"demo","upstream":"echo",)"
                      R"("methods":["GET","POST"],"paths":["/**"],"rate":"600/min"})"),
      }) {
    registry::Change& change = resources.emplace_back();
    change.document = CLV_CO_TRY(base::parse_json(text, "demo"));
    const auto resource = CLV_CO_TRY(policy::read_resource(change.document));
    change.kind = policy::kind_of(resource);
    change.name = policy::name_of(resource);
  }
  CLV_CO_TRY(co_await registry.change(kDemo, std::move(resources), false));

  std::vector<registry::Change> secret(1);
  secret[0].verb = registry::Verb::kSetSecret;
  secret[0].kind = policy::Kind::kCredential;
  secret[0].name = "echo-credential";
  secret[0].secret =
      CLV_CO_TRY(base::SecretBytes::copy_of(memory.arena, std::as_bytes(std::span(kCredential))));
  CLV_CO_TRY(co_await registry.change(kDemo, std::move(secret), false));

  CLV_CO_TRY_VOID(co_await revoke_old_keys(registry));
  auto key =
      CLV_CO_TRY(co_await registry.create_key(kDemo, {.principal = "demo", .expires = {}, .cidrs = {}}));
  co_return std::move(key.text);
}

net::Task<Result<void>> Demo::revoke_old_keys(registry::Registry& registry) {
  const auto page = CLV_CO_TRY(co_await registry.list(policy::Kind::kApiKey, "", 1000));
  std::vector<registry::Change> changes;
  for (const registry::ResourceView& view : page.items) {
    if (view.json.find(R"("principal":"demo")") == std::string::npos) continue;
    registry::Change& change = changes.emplace_back();
    change.verb = registry::Verb::kRevoke;
    change.kind = policy::Kind::kApiKey;
    change.name = view.name;
  }
  if (!changes.empty()) CLV_CO_TRY(co_await registry.change(kDemo, std::move(changes), false));
  co_return ok();
}

}  // namespace claviger::server
