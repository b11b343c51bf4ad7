// SPDX-License-Identifier: Apache-2.0
#include "server/config_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/yaml.h"

namespace claviger::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Config parse(std::string_view text) { return *parse_config(read_yaml(text, "c.yaml")->front()); }

ConfigChanges between(std::string_view running, std::string_view wanted) {
  return compare(parse(running), parse(wanted));
}

TEST(ConfigChanges, AreNoneBetweenTheSame) {
  constexpr std::string_view kText =
      "{ limits: { body: 1MiB }, admin: { listen: off }, log: { level: debug } }";
  const ConfigChanges changes = between(kText, kText);
  EXPECT_THAT(changes.live, IsEmpty());
  EXPECT_THAT(changes.restart, IsEmpty());
  EXPECT_TRUE(check_can_be_taken_over(changes).has_value());
  EXPECT_EQ(join_names(changes.live), "");
}

TEST(ConfigChanges, NameWhatIsTakenOver) {
  const ConfigChanges changes = between(
      "{}", "{ limits: { body: 1MiB, unauthenticated: 7/min }, log: { level: debug }, drain_timeout: 1s }");
  EXPECT_THAT(changes.live,
              ElementsAre("limits.body", "limits.unauthenticated", "log.level", "drain_timeout"));
  EXPECT_TRUE(check_can_be_taken_over(changes).has_value());
  EXPECT_EQ(join_names(changes.live), "limits.body, limits.unauthenticated, log.level, drain_timeout");
}

TEST(ConfigChanges, NameAllThatNeedsARestart) {
  const ConfigChanges changes = between("{}",
                                        "{ data_dir: /d, gateway: { listen: '127.0.0.1:1', workers: 2 }, "
                                        "admin: { listen: off }, store: { url: 'sqlite:x' }, "
                                        "master_key: { from: 'env:FAKE' }, limits: { body: 1MiB } }");
  const auto outcome = check_can_be_taken_over(changes);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().what(),
            "needs a restart: data_dir, store.url, master_key.from, gateway.listen, gateway.workers, "
            "admin.listen");
}

TEST(ConfigChanges, TellAnotherCertificateFromTlsThatIsTurnedOff) {
  constexpr std::string_view kFiles = "gateway: { tls: { cert: /dev/null, key: /dev/zero } }";
  EXPECT_THAT(between("{}", kFiles).live, ElementsAre("gateway.tls", "admin.tls"));
  EXPECT_THAT(between("{}", kFiles).restart, IsEmpty());
  EXPECT_THAT(between("{}", "gateway: { tls: off }").restart,
              ElementsAre("gateway.tls (on or off)", "admin.tls (on or off)"));
}

TEST(ConfigChanges, AnAdminListenerThatIsOffHasNoOthers) {
  EXPECT_THAT(between("{}", "admin: { listen: off }").restart, ElementsAre("admin.listen"));
  EXPECT_THAT(
      between("{ gateway: { tls: off } }", "{ gateway: { tls: off }, admin: { listen: off } }").restart,
      ElementsAre("admin.listen"));
  EXPECT_THAT(between("admin: { listen: off }", "admin: { listen: off }").restart, IsEmpty());
}

// One configuration in which nothing is as it is by default: what is not told apart here would be ignored by a reload.
TEST(ConfigChanges, LeaveNothingOut) {
  Config other = parse(R"(
data_dir: /tmp/d
gateway: { listen: "[::1]:1", tls: { cert: /dev/null, key: /dev/zero }, workers: 3, trace: begin }
admin: { listen: "127.0.0.1:2", tls: off, rate: 7/s, security_contact: "mailto:security@example.com" }
store: { url: "sqlite:sub/s.db" }
master_key: { from: "env:FAKE_MASTER_KEY" }
audit: { durability: strict, window: 50ms, lane_timeout: 2s, lane: 1MiB, addresses: pseudonym, checkpoint_events: 9,
         checkpoint_interval: 3s, segment: 1MiB, segment_age: 2h, retention: 30d, retention_size: 3MiB, reserve: off,
         sinks: [{ name: out, type: stdout }] }
limits: { head: 8KiB, body: 10MiB, headers: 50, connections: 7, admin_connections: 5, head_timeout: 5s, idle_timeout: 6s, body_idle_timeout: 7s,
          upstream_idle: 8s, upstream_connections: 9, unauthenticated: 10/min, connections_per_address: 3, memory: 512MiB, body_rate: 2KiB,
          requests_per_connection: 11 }
log: { level: debug, access: "file:/tmp/a.log" }
drain_delay: 4s
drain_timeout: 3s
)");
  other.audit.off = true;
  other.gateway.tls.client_ca = "/nowhere/ca.pem";
  other.gateway.tls.client_certificate_optional = true;
  const ConfigChanges changes = compare(default_config(), other);
  EXPECT_THAT(
      changes.restart,
      ElementsAre("data_dir", "store.url", "master_key.from", "audit", "audit.durability", "audit.window",
                  "audit.lane_timeout", "audit.lane", "audit.checkpoint_events", "audit.checkpoint_interval",
                  "audit.segment", "audit.segment_age", "audit.retention", "audit.retention_size",
                  "audit.reserve", "audit.addresses", "audit.sinks", "gateway.listen", "gateway.workers",
                  "admin.listen", "admin.tls (on or off)", "log.access"));
  EXPECT_THAT(
      changes.live,
      ElementsAre("gateway.trace", "gateway.tls", "gateway.tls.client_ca", "gateway.tls.client_certificate",
                  "admin.rate", "admin.security_contact", "limits.head", "limits.headers", "limits.body",
                  "limits.body_rate", "limits.connections", "limits.connections_per_address",
                  "limits.requests_per_connection", "limits.admin_connections", "limits.memory",
                  "limits.head_timeout", "limits.idle_timeout", "limits.body_idle_timeout",
                  "limits.upstream_idle", "limits.upstream_connections", "limits.unauthenticated",
                  "log.level", "drain_delay", "drain_timeout"));
}

}  // namespace
}  // namespace claviger::server
