// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "audit/log.h"
#include "audit/pseudonym.h"
#include "base/document.h"
#include "base/result.h"
#include "http/server_connection.h"
#include "net/endpoint.h"
#include "policy/rate.h"
#include "server/door_config.h"
#include "sinks/options.h"
#include "sources/options.h"
#include "sources/transit.h"
#include "telemetry/log.h"

namespace claviger::server {

// The configuration file, read strictly; docs/configuration.md is its manual. What is not said keeps the
// default that stands here; what is said wrongly is an error that names file and line.

struct ListenerTls {
  bool off = false;
  std::string certificate;  // PEM files; both empty: generated in data_dir
  std::string key;
  std::string
      client_ca;    // PEM; callers then prove themselves with a certificate of it. Empty: nobody is asked
  bool client_certificate_optional = false;  // callers without one get in, and need an API key
};

struct ListenerConfig {
  net::Endpoint listen;
  ListenerTls tls;
  bool allow_plaintext = false;  // `tls: off` on an address that is not loopback
};

// The transparency log (audit/log.h), in data_dir/audit.
struct AuditConfig {
  bool off = false;  // side-car mode alone
  audit::Durability durability = audit::Durability::kGroup;
  std::chrono::milliseconds window{100};
  std::chrono::milliseconds lane_timeout{std::chrono::seconds(5)};
  std::size_t lane_bytes = std::size_t{4} << 20;  // for each worker
  std::uint64_t checkpoint_events = 65536;
  std::chrono::milliseconds checkpoint_interval{std::chrono::seconds(2)};
  std::uint64_t segment_bytes = std::uint64_t{256} << 20;
  std::chrono::milliseconds segment_age{std::chrono::hours(24)};
  std::chrono::milliseconds retention{std::chrono::days(365)};  // 0: for ever
  std::uint64_t retention_bytes = 0;                            // 0: no limit
  std::uint64_t reserve_bytes = std::uint64_t{256} << 20;       // 0: none
  audit::Addresses addresses = audit::Addresses::kFull;  // of callers, in the access log as well
  sinks::SinkList sinks;
};

struct Config {
  std::string data_dir = "/var/lib/claviger";
  ListenerConfig gateway;
  unsigned workers = 0;                 // 0: one for each core
  std::optional<ListenerConfig> admin;  // none: `listen: off`
  policy::Rate admin_rate{100, std::chrono::seconds(60)};  // of management calls, for each address
  std::string security_contact;  // a URI for /.well-known/security.txt

  std::string store_url = "sqlite:claviger.db";  // store/catalog.h; relative to data_dir
  std::string master_key = "file:master.key";    // server/key_source.h; files relative to data_dir
  std::optional<sources::TransitOptions> transit;  // where keys of transit: are wrapped
  AuditConfig audit;
  sources::Options sources;  // of secrets that lie elsewhere
  std::vector<DoorConfig> doors;  // that have listeners of their own

  http::ServerLimits limits;
  std::size_t connections = 16384;           // open at once, over all workers
  std::size_t connections_per_address = 4096;  // of callers; of IPv6, of one /64
  std::size_t admin_connections = 256;       // of the admin listener
  std::uint64_t memory =
      0;  // bytes resident above which calls are shed; 0: nine tenths of what the machine or cgroup has
  std::size_t upstream_connections = 256;    // for each worker and upstream
  std::chrono::milliseconds upstream_idle{std::chrono::seconds(50)};
  policy::Rate unauthenticated{6000, std::chrono::seconds(60)};
  bool begins_traces = false;  // of callers who send none (W3C Trace Context)

  telemetry::Level log_level = telemetry::Level::kInfo;
  // Empty: stdout in side-car mode, unless a sink of the audit log has that; off with a store, whose audit log has every call.
  std::string access_log;
  std::chrono::milliseconds drain_delay{0};  // from saying that it is not ready to taking no more connections
  std::chrono::milliseconds drain_timeout{std::chrono::seconds(30)};
};

// What runs when there is no file.
Config default_config();
// What the configuration names, with relative paths resolved: they lie in the data directory.
std::string store_path(const Config& config);
std::string master_key_source(const Config& config);
// Whether standard output belongs to the audit log.
bool has_stdout_sink(const Config& config);
// A file that `claviger restore` leaves for the next start: an older store is meant.
std::string restored_mark(const Config& config);
// kInvalid, "<file>:<line>: <what>".
Result<Config> read_config(const std::string& file);
Result<Config> parse_config(const base::Document& document);

}  // namespace claviger::server
