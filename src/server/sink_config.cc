// SPDX-License-Identifier: Apache-2.0
#include "server/sink_config.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/ip.h"
#include "base/parse.h"
#include "http/path.h"
#include "net/endpoint.h"
#include "server/file_name.h"
#include "vault/source.h"

namespace claviger::server {
namespace {

using base::Document;
using base::ObjectReader;
using sinks::SinkOptions;
using sinks::SinkType;

constexpr std::size_t kMostSinks = 16;  // each holds a batch, and reads the log

Error wrong(const Document& node, std::string_view key, std::string_view what) {
  return base::invalid_at(node.place, std::string(key) + ": " + std::string(what));
}

Result<SinkType> read_type(ObjectReader& reader) {
  const Document* node = CLV_TRY(reader.required("type"));
  const std::string text = CLV_TRY(base::read_string(*node, "type"));
  for (const SinkType type : {SinkType::kFile, SinkType::kStdout, SinkType::kSyslog, SinkType::kWebhook})
    if (text == sinks::type_name(type)) return type;
  return wrong(*node, "type", "must be file, stdout, syslog or webhook");
}

// Empty where it is not given.
Result<std::string> file_name_or_none(ObjectReader& reader, std::string_view key) {
  const Document* node = reader.find(key);
  if (node == nullptr) return std::string();
  return read_file_name(*node, key);
}

Result<void> read_batch(ObjectReader& reader, SinkOptions& out) {
  const Document* node = reader.find("batch");
  if (node == nullptr) return ok();
  const auto size = base::parse_byte_size(CLV_TRY(base::read_string(*node, "batch")));
  if (!size.has_value() || *size < (16U << 10) || *size > (1U << 20))
    return wrong(*node, "batch", "must be from 16KiB to 1MiB");
  out.batch = static_cast<std::size_t>(*size);
  return ok();
}

// Whom the peer has to be, and who we are to it.
Result<void> read_trust(ObjectReader& reader, SinkOptions& out) {
  out.ca = CLV_TRY(file_name_or_none(reader, "ca"));
  out.certificate = CLV_TRY(file_name_or_none(reader, "cert"));
  out.key = CLV_TRY(file_name_or_none(reader, "key"));
  if (out.certificate.empty() != out.key.empty())
    return base::invalid_at(reader.place(),
                            "sink " + out.name + ": cert and key are given together or not at all");
  if (out.tls) return ok();
  if (!out.ca.empty() || !out.certificate.empty())
    return base::invalid_at(reader.place(),
                            "sink " + out.name + ": ca, cert and key are of no use without TLS");
  const auto address = base::parse_ip(out.host);
  if (address.has_value() && net::is_loopback(*address)) return ok();
  return base::invalid_at(
      reader.place(),
      "sink " + out.name +
          ": without TLS the log would cross the network in the clear; that is for an address "
          "of loopback alone, such as 127.0.0.1");
}

// The host and port of a URL, as upstreams have it.
Result<http::BaseUrl> parse_url(const Document& node, std::string_view key, const std::string& text) {
  auto url = http::parse_base_url(text);
  if (!url.has_value()) return wrong(node, key, url.error().what());
  return *std::move(url);
}

void take_host(const http::BaseUrl& url, SinkOptions& out) {
  out.host = url.host;
  out.host_is_ip = url.host_is_ip;
  out.port = static_cast<std::uint16_t>(url.port);
}

Result<void> read_file(ObjectReader& reader, SinkOptions& out) {
  const Document* node = CLV_TRY(reader.required("path"));
  out.path = CLV_TRY(base::read_string(*node, "path"));
  if (!out.path.starts_with('/')) return wrong(*node, "path", "must be an absolute path");
  return ok();
}

Result<void> read_syslog(ObjectReader& reader, SinkOptions& out) {
  const Document* node = CLV_TRY(reader.required("address"));
  const std::string text = CLV_TRY(base::read_string(*node, "address"));
  const std::size_t colon = text.rfind(':');
  const bool has_port = colon != std::string::npos && text.find(']', colon) == std::string::npos;
  if (!has_port || text.find('/') != std::string::npos)
    return wrong(*node, "address",
                 "must be HOST:PORT, for example logs.example.com:6514 or [2001:db8::1]:6514");
  take_host(CLV_TRY(parse_url(*node, "address", "https://" + text)), out);
  if (const Document* tls = reader.find("tls")) {
    if (tls->type != Document::Type::kScalar || (tls->scalar != "off" && tls->scalar != "false"))
      return wrong(*tls, "tls", "must be `off`, or left out");
    out.tls = false;
  }
  out.enterprise =
      static_cast<std::uint32_t>(CLV_TRY(reader.number_or("enterprise", out.enterprise, 1, UINT32_MAX)));
  return read_trust(reader, out);
}

Result<void> read_webhook(ObjectReader& reader, SinkOptions& out) {
  const Document* node = CLV_TRY(reader.required("url"));
  const std::string text = CLV_TRY(base::read_string(*node, "url"));
  const http::BaseUrl url = CLV_TRY(parse_url(*node, "url", text));
  take_host(url, out);
  out.tls = url.tls;
  out.authority = url.authority;
  // As it was written: to some receivers a slash at the end is another resource.
  out.target = url.path + (text.ends_with('/') || url.path.empty() ? "/" : "");
  const Document* hmac = CLV_TRY(reader.required("hmac"));
  out.hmac = CLV_TRY(base::read_string(*hmac, "hmac"));
  if (!vault::SecretSources::check(out.hmac).has_value())
    return wrong(*hmac, "hmac", "must be file:PATH or env:NAME");
  return read_trust(reader, out);
}

Result<SinkOptions> read_sink(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "sink"));
  SinkOptions out;
  const Document* name = CLV_TRY(reader.required("name"));
  out.name = CLV_TRY(base::read_string(*name, "name"));
  if (!base::is_resource_name(out.name))
    return wrong(*name, "name",
                 "must be 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit");
  out.type = CLV_TRY(read_type(reader));
  CLV_TRY_VOID(read_batch(reader, out));
  switch (out.type) {
    case SinkType::kFile:
      CLV_TRY_VOID(read_file(reader, out));
      break;
    case SinkType::kStdout:
      break;
    case SinkType::kSyslog:
      CLV_TRY_VOID(read_syslog(reader, out));
      break;
    case SinkType::kWebhook:
      CLV_TRY_VOID(read_webhook(reader, out));
      break;
  }
  CLV_TRY_VOID(reader.finish());
  return out;
}

// Two that write to the same place would tear each other's lines.
bool collide(const SinkOptions& one, const SinkOptions& other) noexcept {
  if (one.type != other.type) return false;
  return one.type == SinkType::kStdout || (one.type == SinkType::kFile && one.path == other.path);
}

}  // namespace

Result<sinks::SinkList> read_sinks(const Document& node) {
  if (node.type != Document::Type::kList) return wrong(node, "audit.sinks", "must be a list");
  if (node.items.size() > kMostSinks) return wrong(node, "audit.sinks", "may be 16 at the most");
  sinks::SinkList all;
  for (const Document& item : node.items) {
    SinkOptions sink = CLV_TRY(read_sink(item));
    for (const SinkOptions& other : all) {
      if (other.name == sink.name)
        return base::invalid_at(item.place, "there are two sinks of the name " + sink.name);
      if (collide(other, sink))
        return base::invalid_at(item.place,
                                "sink " + sink.name + " writes where sink " + other.name + " does");
    }
    all.push_back(std::move(sink));
  }
  return all;
}

}  // namespace claviger::server
