// SPDX-License-Identifier: Apache-2.0
#include "server/demo.h"

#include <filesystem>
#include <utility>

#include "identity/api_key.h"
#include "server/data_dir.h"
#include "telemetry/redact.h"

namespace claviger::server {
namespace {

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

Demo::Demo(net::Loop& control) : control_(control), echo_(std::make_unique<Echo>()) {}
Demo::~Demo() = default;

Result<std::unique_ptr<Demo>> Demo::create(net::Loop& control, const std::string& data_dir,
                                           SecretMemory& memory) {
  std::unique_ptr<Demo> demo(new Demo(control));
  const auto anywhere = net::parse_endpoint("127.0.0.1:0");
  const net::ListeningSocket socket = CLV_TRY(net::listen_on(*anywhere, false));
  demo->connections_ = std::make_unique<Connections>(control, demo->buffers_, demo->metrics_, *demo->echo_,
                                                     Connections::Options{demo->limits_, demo->open_, 1024});
  CLV_TRY_VOID(demo->connections_->listen(socket.fd, nullptr));
  CLV_TRY_VOID(demo->write_resources(data_dir, socket.bound.port, memory));
  return demo;
}

Result<void> Demo::write_resources(const std::string& data_dir, unsigned port, SecretMemory& memory) {
  resources_dir_ = data_dir + "/resources";
  std::error_code reason;
  std::filesystem::create_directories(resources_dir_, reason);
  if (!reason) std::filesystem::permissions(resources_dir_, std::filesystem::perms::owner_all, reason);
  if (reason)
    return Error::from_errno(Code::kInvalid, Blame::kOperator,
                             "making " + resources_dir_ + " (choose another place with --data-dir)",
                             reason.value());
  const std::string credential_file = std::filesystem::absolute(data_dir + "/demo-credential", reason);
  CLV_TRY_VOID(write_file(credential_file, kCredential, 0600));
  identity::NewApiKey key = CLV_TRY(identity::generate_api_key(memory.arena));
  key_ = std::move(key.text);
  const std::string yaml =
      "# Made by `claviger serve --demo`, anew at each start. Change it and send the process SIGHUP.\n"
      "kind: upstream\nname: echo\nmount: /echo\nbase_url: http://127.0.0.1:" +
      std::to_string(port) +
      "\nauth: { kind: bearer }\nallow_plaintext: true                      # it is on this machine\n"
      "allow_private_addresses: [127.0.0.1/32]    # loopback is refused unless said\n"
      "---\nkind: credential\nname: echo-credential\nupstream: echo\nfrom: \"file:" +
      credential_file +
      "\"\n"
      "---\nkind: principal\nname: demo\ntype: user\n"
      "---\nkind: api_key\nname: " +
      key.id + "\nprincipal: demo\nhash: \"" + identity::format_key_hash(key.hash) +
      "\"\n"
      "---\nkind: grant\nprincipal: demo\nupstream: echo\nmethods: [GET, POST]\npaths: [\"/**\"]\nrate: "
      "600/min\n";
  return write_file(resources_dir_ + "/demo.yaml", yaml, 0644);
}

}  // namespace claviger::server
