// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "base/file_trust.h"
#include "base/parse.h"
#include "server/file_name.h"
#include "server/key_source.h"
#include "server/resource_files.h"
#include "server/sink_config.h"
#include "server/source_config.h"
#include "server/transit_config.h"
#include "server/yaml.h"
#include "store/catalog.h"

namespace claviger::server {
namespace {

using base::Document;
using base::ObjectReader;

// Reads a field with a parser of text, keeping its default when absent, and says where a bad one stands.
template <class T, class Parse>
Result<void> read_with(ObjectReader& reader, std::string_view key, Parse&& parse, T& out) {
  const Document* node = reader.find(key);
  if (node == nullptr) return ok();
  const std::string text = CLV_TRY(base::read_string(*node, key));
  auto value = parse(text);
  if (!value.has_value())
    return base::invalid_at(node->place, std::string(key) + ": " + std::string(value.error().what()));
  out = static_cast<T>(*std::move(value));
  return ok();
}

Result<void> read_duration(ObjectReader& reader, std::string_view key, std::chrono::milliseconds& out) {
  CLV_TRY_VOID(read_with(reader, key, base::parse_duration, out));
  if (out.count() < 1 || out > std::chrono::hours(24))
    return base::invalid_at(reader.place(), std::string(key) + ": must be from 1ms to 24h");
  return ok();
}

// Unlike other durations it may be nothing.
Result<void> read_drain_delay(ObjectReader& reader, std::chrono::milliseconds& out) {
  CLV_TRY_VOID(read_with(reader, "drain_delay", base::parse_duration, out));
  if (out.count() < 0 || out > std::chrono::hours(1))
    return base::invalid_at(reader.place(), "drain_delay: must be from 0s to 1h");
  return ok();
}

bool is_off(const Document& node) {
  return node.type == Document::Type::kScalar && (node.scalar == "off" || node.scalar == "false");
}

Result<std::string> required_file_name(ObjectReader& reader, std::string_view key, std::string_view what) {
  const Document* node = CLV_TRY(reader.required(key));
  return read_file_name(*node, std::string(what) + "." + std::string(key));
}

Result<bool> parse_client_certificate(std::string_view text) {
  if (text == "required" || text == "optional") return text == "optional";
  return Error(Code::kInvalid, Blame::kOperator, "must be required or optional");
}

// Whoever may write the file says who gets in.
Result<std::string> read_client_ca(ObjectReader& reader, std::string_view what) {
  std::string name = CLV_TRY(required_file_name(reader, "client_ca", what));
  const base::Descriptor file(name, O_RDONLY | O_NONBLOCK);
  const auto trusted = file.is_open() ? base::check_not_writable_by_others(file.number(), name) : ok();
  if (!trusted.has_value())
    return base::invalid_at(reader.find("client_ca")->place, std::string(trusted.error().what()));
  return name;
}

Result<ListenerTls> read_tls(const Document& node, std::string_view what, bool asks_callers) {
  ListenerTls tls;
  if (is_off(node)) {
    tls.off = true;
    return tls;
  }
  if (node.type != Document::Type::kMap)
    return base::invalid_at(node.place, std::string(what) + ": must be `off`, or { cert: FILE, key: FILE }");
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, std::string(what)));
  const bool has_client_ca = asks_callers && reader.find("client_ca") != nullptr;
  // The generated certificate does for callers who have to show one of theirs.
  if (!has_client_ca || reader.find("cert") != nullptr || reader.find("key") != nullptr) {
    for (const char* key : {"cert", "key"}) CLV_TRY(reader.required(key));
    tls.certificate = CLV_TRY(required_file_name(reader, "cert", what));
    tls.key = CLV_TRY(required_file_name(reader, "key", what));
  }
  if (has_client_ca) {
    tls.client_ca = CLV_TRY(read_client_ca(reader, what));
    CLV_TRY_VOID(
        read_with(reader, "client_certificate", parse_client_certificate, tls.client_certificate_optional));
  } else if (asks_callers && reader.find("client_certificate") != nullptr) {
    return base::invalid_at(node.place,
                            std::string(what) + ".client_certificate: is of no use without client_ca");
  }
  CLV_TRY_VOID(reader.finish());
  return tls;
}

// As the gateway's, but for whom it asks: management goes by API keys.
ListenerTls without_client_ca(ListenerTls tls) {
  tls.client_ca.clear();
  tls.client_certificate_optional = false;
  return tls;
}

Result<void> read_listener(ObjectReader& reader, std::string_view name, ListenerConfig& out) {
  CLV_TRY_VOID(read_with(reader, "listen", net::parse_endpoint, out.listen));
  if (const Document* tls = reader.find("tls"))
    out.tls = CLV_TRY(read_tls(*tls, std::string(name) + ".tls", name == "gateway"));
  out.allow_plaintext = CLV_TRY(reader.boolean_or("allow_plaintext", false));
  if (out.tls.off && !net::is_loopback(out.listen.address) && !out.allow_plaintext)
    return base::invalid_at(reader.place(),
                            std::string(name) + ": tls is off, and " + net::format_endpoint(out.listen) +
                                " is not loopback: keys would cross the network in the clear. "
                                "Give tls: { cert, key }, or say allow_plaintext: true");
  return ok();
}

// Whether traces are begun for callers who send none.
Result<bool> parse_trace(std::string_view text) {
  if (text == "continue" || text == "begin") return text == "begin";
  return Error(Code::kInvalid, Blame::kOperator, "must be continue or begin");
}

Result<void> read_gateway(const Document& node, Config& config) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "gateway"));
  CLV_TRY_VOID(read_listener(reader, "gateway", config.gateway));
  CLV_TRY_VOID(read_with(reader, "trace", parse_trace, config.begins_traces));
  if (const Document* workers = reader.find("workers"); workers != nullptr && workers->scalar != "auto")
    config.workers = static_cast<unsigned>(
        CLV_TRY(base::read_number(*workers, "gateway.workers (a number or `auto`)", 1, 256)));
  return reader.finish();
}

// RFC 9116 section 2.5.3: an https, mailto or tel URI; one line of printable ASCII.
Result<std::string> parse_contact(std::string_view text) {
  const bool has_scheme =
      text.starts_with("https://") || text.starts_with("mailto:") || text.starts_with("tel:");
  const bool printable = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  if (has_scheme && printable && text.size() <= 256) return std::string(text);
  return Error(Code::kInvalid, Blame::kOperator, "must be a URI such as mailto:security@example.com");
}

Result<void> read_admin(const Document& node, Config& config) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "admin"));
  if (const Document* listen = reader.find("listen"); listen != nullptr && is_off(*listen)) {
    config.admin.reset();
    return reader.finish();
  }
  CLV_TRY_VOID(read_listener(reader, "admin", *config.admin));
  CLV_TRY_VOID(read_with(reader, "rate", policy::parse_rate, config.admin_rate));
  CLV_TRY_VOID(read_with(reader, "security_contact", parse_contact, config.security_contact));
  return reader.finish();
}

Result<std::string> parse_store_url(std::string_view url) {
  CLV_TRY_VOID(store::check_url(url));
  return std::string(url);
}

Result<void> read_store(const Document& node, Config& config) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "store"));
  CLV_TRY_VOID(read_with(reader, "url", parse_store_url, config.store_url));
  return reader.finish();
}

Result<std::string> parse_key_source(std::string_view from) {
  CLV_TRY_VOID(KeySource::check(from));
  return std::string(from);
}

Result<void> read_master_key(const Document& node, Config& config) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "master_key"));
  CLV_TRY_VOID(read_with(reader, "from", parse_key_source, config.master_key));
  if (const Document* transit = reader.find("transit")) config.transit = CLV_TRY(read_transit(*transit));
  if (config.master_key.starts_with("transit:") && !config.transit)
    return base::invalid_at(node.place,
                            "master_key.from: transit needs to be told where Vault or OpenBao is "
                            "(master_key.transit.address)");
  return reader.finish();
}

Result<audit::Durability> parse_durability(std::string_view text) {
  if (text == "group") return audit::Durability::kGroup;
  if (text == "strict") return audit::Durability::kStrict;
  return Error(Code::kInvalid, Blame::kOperator, "must be group or strict");
}

bool is_off(std::string_view text) { return text == "off" || text == "false"; }

// A size within limits.
auto size_within(std::uint64_t least, std::uint64_t most, const char* says) {
  return [=](std::string_view text) -> Result<std::uint64_t> {
    const std::uint64_t size = CLV_TRY(base::parse_byte_size(text));
    if (size < least || size > most)
      return Error::formatted(Code::kInvalid, Blame::kOperator, std::string("must be ") + says);
    return size;
  };
}

auto duration_within(std::chrono::milliseconds least, std::chrono::milliseconds most, const char* says) {
  return [=](std::string_view text) -> Result<std::chrono::milliseconds> {
    const std::chrono::milliseconds time = CLV_TRY(base::parse_duration(text));
    if (time < least || time > most)
      return Error::formatted(Code::kInvalid, Blame::kOperator, std::string("must be ") + says);
    return time;
  };
}

// The same, or `off`, which is 0.
template <class Parse>
auto or_off(Parse parse) {
  return [parse](std::string_view text) -> decltype(parse(text)) {
    using Value = std::remove_cvref_t<decltype(*parse(text))>;
    if (is_off(text)) return Value{};
    return parse(text);
  };
}

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;

// How the log is cut up, and how long its parts are kept.
Result<void> read_segments(ObjectReader& reader, AuditConfig& audit) {
  using namespace std::chrono_literals;
  constexpr std::chrono::milliseconds kYears = std::chrono::days(36500);
  CLV_TRY_VOID(read_with(reader, "segment", size_within(kMiB / 16, kMiB << 16, "from 64KiB to 64GiB"),
                         audit.segment_bytes));
  CLV_TRY_VOID(read_with(reader, "segment_age", duration_within(1s, std::chrono::days(30), "from 1s to 30d"),
                         audit.segment_age));
  CLV_TRY_VOID(read_with(reader, "retention",
                         or_off(duration_within(1min, kYears, "`off`, or from 1m to 36500d")),
                         audit.retention));
  CLV_TRY_VOID(read_with(reader, "retention_size",
                         or_off(size_within(1, kMostBytes, "`off`, or at most 1048576GiB")),
                         audit.retention_bytes));
  // What is written is never pruned, and next to it something has to be left to keep.
  if (audit.retention_bytes != 0 && audit.retention_bytes / 2 < audit.segment_bytes)
    return base::invalid_at(reader.place(), "retention_size: must be twice `segment` or more");
  return read_with(reader, "reserve", or_off(size_within(1, kMostBytes, "`off`, or at most 1048576GiB")),
                   audit.reserve_bytes);
}

Result<audit::Addresses> parse_addresses(std::string_view text) {
  if (text == "full") return audit::Addresses::kFull;
  if (text == "pseudonym") return audit::Addresses::kPseudonym;
  if (text == "none") return audit::Addresses::kNone;
  return Error(Code::kInvalid, Blame::kOperator, "must be full, pseudonym or none");
}

Result<void> read_audit(const Document& node, Config& config) {
  if (is_off(node)) {
    config.audit.off = true;
    return ok();
  }
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "audit"));
  CLV_TRY_VOID(read_with(reader, "durability", parse_durability, config.audit.durability));
  CLV_TRY_VOID(read_duration(reader, "window", config.audit.window));
  CLV_TRY_VOID(read_duration(reader, "lane_timeout", config.audit.lane_timeout));
  CLV_TRY_VOID(read_with(reader, "lane", size_within(kMiB / 16, kMiB << 10, "from 64KiB to 1GiB"),
                         config.audit.lane_bytes));
  config.audit.checkpoint_events =
      CLV_TRY(reader.number_or("checkpoint_events", config.audit.checkpoint_events, 1, 1 << 24));
  CLV_TRY_VOID(
      read_with(reader, "checkpoint_interval",
                duration_within(std::chrono::milliseconds(100), std::chrono::hours(1), "from 100ms to 1h"),
                config.audit.checkpoint_interval));
  CLV_TRY_VOID(read_segments(reader, config.audit));
  CLV_TRY_VOID(read_with(reader, "addresses", parse_addresses, config.audit.addresses));
  if (const Document* sinks = reader.find("sinks")) config.audit.sinks = CLV_TRY(read_sinks(*sinks));
  return reader.finish();
}

Result<std::uint64_t> parse_head_size(std::string_view text) {
  const std::uint64_t size = CLV_TRY(base::parse_byte_size(text));
  if (size < 1024 || size > net::kBufferSize)
    return Error(Code::kInvalid, Blame::kOperator, "must be from 1KiB to 32KiB");
  return size;
}

Result<std::uint64_t> parse_memory_mark(std::string_view text) {
  if (text == "auto") return std::uint64_t{0};
  const std::uint64_t size = CLV_TRY(base::parse_byte_size(text));
  if (size < (std::uint64_t{32} << 20))
    return Error(Code::kInvalid, Blame::kOperator, "must be `auto`, or from 32MiB");
  return size;
}

Result<std::uint64_t> parse_body_rate(std::string_view text) {
  if (text == "0" || text == "off" || text == "false") return std::uint64_t{0};
  return base::parse_byte_size(text);
}

// What a configuration counts of connections, callers' and others'.
Result<void> read_connection_limits(ObjectReader& reader, Config& config) {
  constexpr std::uint64_t kMostRequests = 1'000'000'000;
  config.connections = CLV_TRY(reader.number_or("connections", config.connections, 1, 1'000'000));
  config.connections_per_address =
      CLV_TRY(reader.number_or("connections_per_address", config.connections_per_address, 1, 1'000'000));
  config.admin_connections =
      CLV_TRY(reader.number_or("admin_connections", config.admin_connections, 1, 65535));
  config.upstream_connections =
      CLV_TRY(reader.number_or("upstream_connections", config.upstream_connections, 1, 65535));
  config.limits.requests = static_cast<std::uint32_t>(
      CLV_TRY(reader.number_or("requests_per_connection", config.limits.requests, 1, kMostRequests)));
  return ok();
}

Result<void> read_limits(const Document& node, Config& config) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "limits"));
  http::ServerLimits& limits = config.limits;
  CLV_TRY_VOID(read_with(reader, "head", parse_head_size, limits.head.bytes));
  CLV_TRY_VOID(read_with(reader, "body", base::parse_byte_size, limits.body));
  limits.head.fields = CLV_TRY(reader.number_or("headers", limits.head.fields, 1, http::kMaxFields));
  CLV_TRY_VOID(read_duration(reader, "head_timeout", limits.head_timeout));
  CLV_TRY_VOID(read_duration(reader, "idle_timeout", limits.idle_timeout));
  CLV_TRY_VOID(read_duration(reader, "body_idle_timeout", limits.body_idle_timeout));
  CLV_TRY_VOID(read_with(reader, "body_rate", parse_body_rate, limits.body_rate));
  CLV_TRY_VOID(read_with(reader, "memory", parse_memory_mark, config.memory));
  CLV_TRY_VOID(read_connection_limits(reader, config));
  CLV_TRY_VOID(read_duration(reader, "upstream_idle", config.upstream_idle));
  CLV_TRY_VOID(read_with(reader, "unauthenticated", policy::parse_rate, config.unauthenticated));
  return reader.finish();
}

Result<std::string> parse_access_target(const std::string& text) {
  if (text == "stdout" || text == "stderr" || text == "off" || (text.starts_with("file:") && text.size() > 5))
    return text;
  return Error(Code::kInvalid, Blame::kOperator, "must be stdout, stderr, off, or file:PATH");
}

Result<void> read_log(const Document& node, Config& config) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "log"));
  CLV_TRY_VOID(read_with(reader, "level", telemetry::parse_level, config.log_level));
  CLV_TRY_VOID(read_with(reader, "access", parse_access_target, config.access_log));
  return reader.finish();
}

}  // namespace

Config default_config() {
  Config config;
  config.gateway.listen = *net::parse_endpoint("127.0.0.1:8443");
  config.admin.emplace().listen = *net::parse_endpoint("127.0.0.1:9443");
  return config;
}

bool has_stdout_sink(const Config& config) {
  return std::ranges::any_of(config.audit.sinks, [](const sinks::SinkOptions& sink) {
    return sink.type == sinks::SinkType::kStdout;
  });
}

std::string store_path(const Config& config) { return store::locate(config.store_url, config.data_dir); }

std::string restored_mark(const Config& config) { return config.data_dir + "/restored"; }

std::string master_key_source(const Config& config) {
  const auto source = KeySource::parse(config.master_key, config.data_dir);
  return source.has_value() ? source->text : config.master_key;
}

Result<Config> parse_config(const Document& document) {
  Config config = default_config();
  ObjectReader reader = CLV_TRY(ObjectReader::of(document, "configuration"));
  if (auto data_dir = CLV_TRY(reader.optional_string("data_dir"))) config.data_dir = *std::move(data_dir);
  if (const Document* gateway = reader.find("gateway")) CLV_TRY_VOID(read_gateway(*gateway, config));
  config.admin->tls = without_client_ca(config.gateway.tls);
  if (const Document* admin = reader.find("admin")) CLV_TRY_VOID(read_admin(*admin, config));
  if (const Document* store = reader.find("store")) CLV_TRY_VOID(read_store(*store, config));
  if (const Document* key = reader.find("master_key")) CLV_TRY_VOID(read_master_key(*key, config));
  if (const Document* audit = reader.find("audit")) CLV_TRY_VOID(read_audit(*audit, config));
  if (const Document* sources = reader.find("sources")) config.sources = CLV_TRY(read_sources(*sources));
  if (const Document* doors = reader.find("doors")) config.doors = CLV_TRY(read_doors(*doors));
  if (const Document* limits = reader.find("limits")) CLV_TRY_VOID(read_limits(*limits, config));
  if (const Document* log = reader.find("log")) CLV_TRY_VOID(read_log(*log, config));
  CLV_TRY_VOID(read_drain_delay(reader, config.drain_delay));
  CLV_TRY_VOID(read_duration(reader, "drain_timeout", config.drain_timeout));
  CLV_TRY_VOID(reader.finish());
  if (config.access_log == "stdout" && has_stdout_sink(config))
    return base::invalid_at(
        reader.place(), "log.access: standard output is that of a sink (audit.sinks); lines would be torn");
  return config;
}

Result<Config> read_config(const std::string& file) {
  const std::string text = CLV_TRY(read_text_file(file, std::size_t{1} << 20));
  const auto documents = CLV_TRY(read_yaml(text, file));
  if (documents.empty()) return default_config();
  if (documents.size() > 1)
    return base::invalid_at(documents[1].place, "a configuration file is one document");
  return parse_config(documents.front());
}

}  // namespace claviger::server
