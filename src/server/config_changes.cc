// SPDX-License-Identifier: Apache-2.0
#include "server/config_changes.h"

#include <algorithm>
#include <array>
#include <functional>
#include <tuple>

namespace claviger::server {
namespace {

enum class Taken : std::uint8_t { kLive, kAtStart };

struct Setting {
  std::string_view name;
  Taken taken;
  bool (*is_same)(const Config&, const Config&);
};

// Whether two configurations agree in what `of` reads of one.
template <auto of>
bool same(const Config& one, const Config& other) {
  return of(one) == of(other);
}

auto files(const ListenerTls& tls) { return std::tie(tls.certificate, tls.key); }

// How the admin listener is reached; one that is off is reached nowhere.
auto admin_address(const Config& config) {
  return config.admin ? std::optional(config.admin->listen) : std::nullopt;
}
bool same_admin_plain(const Config& one, const Config& other) {
  return !one.admin || !other.admin || one.admin->tls.off == other.admin->tls.off;
}
auto admin_files(const Config& config) {
  const ListenerTls none;
  const ListenerTls& tls = config.admin ? config.admin->tls : none;
  return std::tuple(tls.certificate, tls.key);
}

// Which doors there are, and where; and what each of them goes by.
bool same_doors(const Config& one, const Config& other) {
  return std::ranges::equal(one.doors, other.doors, &DoorConfig::is_same_place);
}
bool same_doors_within(const Config& one, const Config& other) {
  return std::ranges::equal(one.doors, other.doors, {}, &DoorConfig::dns, &DoorConfig::dns);
}

using C = Config;
constexpr auto kLive = Taken::kLive;
constexpr auto kAtStart = Taken::kAtStart;

// Every setting there is. `allow_plaintext` is a word to whoever checks the file: it changes nothing by itself.
constexpr auto kSettings = std::to_array<Setting>({
    {"data_dir", kAtStart, same<[](const C& c) { return c.data_dir; }>},
    {"store.url", kAtStart, same<[](const C& c) { return c.store_url; }>},
    {"master_key.from", kAtStart, same<[](const C& c) { return c.master_key; }>},
    {"master_key.transit", kAtStart, same<[](const C& c) { return c.transit; }>},
    {"audit", kAtStart, same<[](const C& c) { return c.audit.off; }>},
    {"audit.durability", kAtStart, same<[](const C& c) { return c.audit.durability; }>},
    {"audit.window", kAtStart, same<[](const C& c) { return c.audit.window; }>},
    {"audit.lane_timeout", kAtStart, same<[](const C& c) { return c.audit.lane_timeout; }>},
    {"audit.lane", kAtStart, same<[](const C& c) { return c.audit.lane_bytes; }>},
    {"audit.checkpoint_events", kAtStart, same<[](const C& c) { return c.audit.checkpoint_events; }>},
    {"audit.checkpoint_interval", kAtStart, same<[](const C& c) { return c.audit.checkpoint_interval; }>},
    {"audit.segment", kAtStart, same<[](const C& c) { return c.audit.segment_bytes; }>},
    {"audit.segment_age", kAtStart, same<[](const C& c) { return c.audit.segment_age; }>},
    {"audit.retention", kAtStart, same<[](const C& c) { return c.audit.retention; }>},
    {"audit.retention_size", kAtStart, same<[](const C& c) { return c.audit.retention_bytes; }>},
    {"audit.reserve", kAtStart, same<[](const C& c) { return c.audit.reserve_bytes; }>},
    {"audit.addresses", kAtStart, same<[](const C& c) { return c.audit.addresses; }>},
    {"audit.sinks", kAtStart, same<[](const C& c) { return c.audit.sinks; }>},
    {"sources", kAtStart, same<[](const C& c) { return c.sources; }>},
    {"doors (names, listeners, principals)", kAtStart, same_doors},
    {"doors", kLive, same_doors_within},
    {"gateway.listen", kAtStart, same<[](const C& c) { return c.gateway.listen; }>},
    {"gateway.trace", kLive, same<[](const C& c) { return c.begins_traces; }>},
    {"gateway.workers", kAtStart, same<[](const C& c) { return c.workers; }>},
    {"gateway.tls (on or off)", kAtStart, same<[](const C& c) { return c.gateway.tls.off; }>},
    {"gateway.tls", kLive, same<[](const C& c) { return files(c.gateway.tls); }>},
    {"gateway.tls.client_ca", kLive, same<[](const C& c) { return c.gateway.tls.client_ca; }>},
    {"gateway.tls.client_certificate", kLive,
     same<[](const C& c) { return c.gateway.tls.client_certificate_optional; }>},
    {"admin.listen", kAtStart, same<admin_address>},
    {"admin.tls (on or off)", kAtStart, same_admin_plain},
    {"admin.tls", kLive, same<admin_files>},
    {"admin.rate", kLive, same<[](const C& c) { return c.admin_rate; }>},
    {"admin.security_contact", kLive, same<[](const C& c) { return c.security_contact; }>},
    {"limits.head", kLive, same<[](const C& c) { return c.limits.head.bytes; }>},
    {"limits.headers", kLive, same<[](const C& c) { return c.limits.head.fields; }>},
    {"limits.body", kLive, same<[](const C& c) { return c.limits.body; }>},
    {"limits.body_rate", kLive, same<[](const C& c) { return c.limits.body_rate; }>},
    {"limits.connections", kLive, same<[](const C& c) { return c.connections; }>},
    {"limits.connections_per_address", kLive, same<[](const C& c) { return c.connections_per_address; }>},
    {"limits.requests_per_connection", kLive, same<[](const C& c) { return c.limits.requests; }>},
    {"limits.admin_connections", kLive, same<[](const C& c) { return c.admin_connections; }>},
    {"limits.memory", kLive, same<[](const C& c) { return c.memory; }>},
    {"limits.head_timeout", kLive, same<[](const C& c) { return c.limits.head_timeout; }>},
    {"limits.idle_timeout", kLive, same<[](const C& c) { return c.limits.idle_timeout; }>},
    {"limits.body_idle_timeout", kLive, same<[](const C& c) { return c.limits.body_idle_timeout; }>},
    {"limits.upstream_idle", kLive, same<[](const C& c) { return c.upstream_idle; }>},
    {"limits.upstream_connections", kLive, same<[](const C& c) { return c.upstream_connections; }>},
    {"limits.unauthenticated", kLive, same<[](const C& c) { return c.unauthenticated; }>},
    {"log.level", kLive, same<[](const C& c) { return c.log_level; }>},
    {"log.access", kAtStart, same<[](const C& c) { return c.access_log; }>},
    {"drain_delay", kLive, same<[](const C& c) { return c.drain_delay; }>},
    {"drain_timeout", kLive, same<[](const C& c) { return c.drain_timeout; }>},
});

}  // namespace

ConfigChanges compare(const Config& running, const Config& wanted) {
  ConfigChanges changes;
  for (const Setting& setting : kSettings) {
    if (setting.is_same(running, wanted)) continue;
    (setting.taken == kLive ? changes.live : changes.restart).push_back(setting.name);
  }
  return changes;
}

std::string join_names(const std::vector<std::string_view>& names) {
  std::string joined;
  for (const std::string_view name : names) {
    if (!joined.empty()) joined += ", ";
    joined += name;
  }
  return joined;
}

Result<void> check_can_be_taken_over(const ConfigChanges& changes) {
  if (changes.restart.empty()) return ok();
  return Error::formatted(Code::kInvalid, Blame::kOperator,
                          "needs a restart: " + join_names(changes.restart));
}

}  // namespace claviger::server
