// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "server/yaml.h"

namespace claviger::server {
namespace {

Result<Config> parse(std::string_view text) {
  const auto documents = read_yaml(text, "c.yaml");
  if (!documents.has_value()) return documents.error();
  return parse_config(documents->front());
}

TEST(Config, HasADefaultForEverything) {
  const auto config = parse("{}");
  ASSERT_TRUE(config.has_value()) << config.error().what();
  EXPECT_EQ(net::format_endpoint(config->gateway.listen), "127.0.0.1:8443");
  EXPECT_EQ(net::format_endpoint(config->admin->listen), "127.0.0.1:9443");
  EXPECT_FALSE(config->gateway.tls.off);
}

TEST(Config, ReadsEveryKey) {
  const auto config = parse(R"(
data_dir: /tmp/d
gateway: { listen: "[::1]:1", tls: { cert: /dev/null, key: /dev/zero }, workers: 3 }
admin: { listen: "127.0.0.1:2", tls: off, rate: 7/s, security_contact: "mailto:security@example.com" }
store: { url: "sqlite:sub/s.db" }
master_key: { from: "env:FAKE_MASTER_KEY" }
audit: { durability: group, window: 50ms, lane_timeout: 2s, lane: 1MiB, checkpoint_events: 9,
         checkpoint_interval: 3s, segment: 1MiB, segment_age: 2h, retention: 365d, retention_size: 3MiB, reserve: 10MiB }
limits: { head: 8KiB, body: 10MiB, headers: 50, connections: 7, admin_connections: 5, head_timeout: 5s, idle_timeout: 6s, body_idle_timeout: 7s,
          upstream_idle: 8s, upstream_connections: 9, unauthenticated: 10/min, connections_per_address: 3, memory: 512MiB, body_rate: 2KiB,
          requests_per_connection: 11 }
log: { level: debug, access: "file:/tmp/a.log" }
drain_delay: 4s
drain_timeout: 3s
)");
  ASSERT_TRUE(config.has_value()) << config.error().what();
  EXPECT_EQ(config->data_dir, "/tmp/d");
  EXPECT_EQ(config->gateway.tls.certificate, "/dev/null");
  EXPECT_EQ(config->workers, 3U);
  EXPECT_TRUE(config->admin->tls.off);
  EXPECT_EQ(config->admin_rate.calls, 7U);
  EXPECT_EQ(config->admin_rate.window, std::chrono::seconds(1));
  EXPECT_EQ(config->security_contact, "mailto:security@example.com");
  EXPECT_EQ(config->store_url, "sqlite:sub/s.db");
  EXPECT_EQ(store_path(*config), "/tmp/d/sub/s.db");
  EXPECT_EQ(config->master_key, "env:FAKE_MASTER_KEY");
  EXPECT_FALSE(config->audit.off);
  EXPECT_EQ(config->audit.window, std::chrono::milliseconds(50));
  EXPECT_EQ(config->audit.lane_timeout, std::chrono::seconds(2));
  EXPECT_EQ(config->audit.lane_bytes, 1U << 20);
  EXPECT_EQ(config->audit.checkpoint_events, 9U);
  EXPECT_EQ(config->audit.checkpoint_interval, std::chrono::seconds(3));
  EXPECT_EQ(config->audit.segment_bytes, 1U << 20);
  EXPECT_EQ(config->audit.segment_age, std::chrono::hours(2));
  EXPECT_EQ(config->audit.retention, std::chrono::days(365));
  EXPECT_EQ(config->audit.retention_bytes, 3U << 20);
  EXPECT_EQ(config->audit.reserve_bytes, 10U << 20);
  EXPECT_EQ(config->limits.head.bytes, 8192U);
  EXPECT_EQ(config->limits.body, 10U << 20);
  EXPECT_EQ(config->limits.head.fields, 50U);
  EXPECT_EQ(config->connections, 7U);
  EXPECT_EQ(config->admin_connections, 5U);
  EXPECT_EQ(config->limits.head_timeout, std::chrono::seconds(5));
  EXPECT_EQ(config->upstream_connections, 9U);
  EXPECT_EQ(config->unauthenticated.calls, 10U);
  EXPECT_EQ(config->log_level, telemetry::Level::kDebug);
  EXPECT_EQ(config->connections_per_address, 3U);
  EXPECT_EQ(config->memory, std::uint64_t{512} << 20);
  EXPECT_EQ(config->limits.body_rate, 2048U);
  EXPECT_EQ(config->limits.requests, 11U);
  EXPECT_EQ(config->drain_delay, std::chrono::seconds(4));
  EXPECT_EQ(config->drain_timeout, std::chrono::seconds(3));
}

TEST(Config, LimitsThatCanBeLeftToItselfOrTurnedOffSaySo) {
  EXPECT_EQ(parse("limits: { memory: auto }")->memory, 0U);
  EXPECT_EQ(parse("{}")->limits.body_rate, 100U);
  EXPECT_EQ(parse("limits: { body_rate: off }")->limits.body_rate, 0U);
  EXPECT_EQ(parse("limits: { body_rate: 0 }")->limits.body_rate, 0U);
  EXPECT_EQ(parse("limits: { body_rate: 100 }")->limits.body_rate, 100U);
  EXPECT_EQ(parse("drain_delay: 0s")->drain_delay.count(), 0);
}

// A CA file as an operator has it: nobody else may write it.
class ClientCa : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(path_) << "fake\n";
    ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  Result<Config> parse_tls(const std::string& tls) { return parse("gateway: { tls: " + tls + " }"); }
  const std::string path_ = ::testing::TempDir() + "config_test_client_ca.pem";
};

TEST_F(ClientCa, ComesWithTheGeneratedCertificateOrAnother) {
  const auto generated = parse_tls("{ client_ca: " + path_ + " }");
  ASSERT_TRUE(generated.has_value()) << generated.error().what();
  EXPECT_EQ(generated->gateway.tls.client_ca, path_);
  EXPECT_TRUE(generated->gateway.tls.certificate.empty());
  EXPECT_FALSE(generated->gateway.tls.client_certificate_optional);
  const auto own = parse_tls(
      "{ cert: /dev/null, key: /dev/zero, client_certificate: optional, client_ca: " + path_ + " }");
  ASSERT_TRUE(own.has_value()) << own.error().what();
  EXPECT_EQ(own->gateway.tls.certificate, "/dev/null");
  EXPECT_TRUE(own->gateway.tls.client_certificate_optional);
  EXPECT_FALSE(parse_tls("{ key: /dev/zero, client_ca: " + path_ + " }").has_value());
}

TEST_F(ClientCa, IsForCallersAndNotForManagement) {
  const auto config = parse_tls("{ client_ca: " + path_ + ", client_certificate: optional }");
  ASSERT_TRUE(config.has_value()) << config.error().what();
  EXPECT_TRUE(config->admin->tls.client_ca.empty());
  EXPECT_FALSE(config->admin->tls.client_certificate_optional);
  const auto refused = parse("admin: { tls: { cert: /dev/null, key: /dev/zero, client_ca: " + path_ + " } }");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what().find("client_ca"), std::string_view::npos) << refused.error().what();
}

TEST_F(ClientCa, ThatOthersMayWriteIsRefused) {
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  const auto config = parse_tls("{ client_ca: " + path_ + " }");
  ASSERT_FALSE(config.has_value());
  EXPECT_NE(config.error().what().find("c.yaml:1: "), std::string_view::npos) << config.error().what();
  EXPECT_NE(config.error().what().find(path_), std::string_view::npos) << config.error().what();
}

TEST(Config, TheAdminListenerTakesTheGatewaysCertificateUnlessItHasItsOwn) {
  EXPECT_EQ(parse("gateway: { tls: { cert: /dev/null, key: /dev/zero } }")->admin->tls.certificate,
            "/dev/null");
  EXPECT_TRUE(parse("gateway: { tls: off }")->admin->tls.off);
  EXPECT_FALSE(parse("admin: { listen: \"off\" }")->admin.has_value());
  EXPECT_FALSE(parse("admin: { listen: off }")->admin.has_value());
}

TEST(Config, RelativePathsLieInTheDataDirectory) {
  const auto relative = parse("data_dir: /d");
  EXPECT_EQ(store_path(*relative), "/d/claviger.db");
  EXPECT_EQ(master_key_source(*relative), "file:/d/master.key");
  const auto given =
      parse("{data_dir: /d, store: {url: 'sqlite:/s/x.db'}, master_key: {from: 'file:/k/m.key'}}");
  EXPECT_EQ(store_path(*given), "/s/x.db");
  EXPECT_EQ(master_key_source(*given), "file:/k/m.key");
  EXPECT_EQ(master_key_source(*parse("{data_dir: /d, master_key: {from: 'file:keys/m.key'}}")),
            "file:/d/keys/m.key");
  EXPECT_EQ(master_key_source(*parse("master_key: {from: 'env:FAKE_KEY'}")), "env:FAKE_KEY");
}

TEST(Config, TheAuditLogIsOnUnlessItIsSaidToBeOff) {
  EXPECT_FALSE(parse("{}")->audit.off);
  EXPECT_FALSE(parse("audit: {}")->audit.off);
  EXPECT_TRUE(parse("audit: off")->audit.off);
}

TEST(Config, TheAuditLogIsKeptForAYearUnlessItIsSaidHowLong) {
  const AuditConfig by_default = parse("{}")->audit;
  EXPECT_EQ(by_default.retention, std::chrono::days(365));
  EXPECT_EQ(by_default.retention_bytes, 0U);
  EXPECT_EQ(by_default.reserve_bytes, 256U << 20);
  const AuditConfig kept = parse("audit: { retention: off, retention_size: off, reserve: off }")->audit;
  EXPECT_EQ(kept.retention, std::chrono::milliseconds(0));
  EXPECT_EQ(kept.retention_bytes, 0U);
  EXPECT_EQ(kept.reserve_bytes, 0U);
  EXPECT_TRUE(parse("audit: { segment: 1GiB, retention_size: 2GiB }").has_value());
}

TEST(Config, PlaintextBeyondLoopbackMustBeSaid) {
  EXPECT_FALSE(parse("gateway: { listen: \"0.0.0.0:80\", tls: off }").has_value());
  EXPECT_TRUE(
      parse("gateway: { listen: \"0.0.0.0:80\", tls: off, allow_plaintext: true }\nadmin: { listen: off }")
          .has_value());
  EXPECT_TRUE(parse("gateway: { listen: \"127.0.0.1:80\", tls: off }").has_value());
}

struct Bad {
  const char* text;
  const char* says;
};

class BadConfig : public ::testing::TestWithParam<Bad> {};

TEST_P(BadConfig, IsRefusedWithItsLineAndReason) {
  const auto config = parse(GetParam().text);
  ASSERT_FALSE(config.has_value());
  EXPECT_NE(config.error().what().find(GetParam().says), std::string_view::npos) << config.error().what();
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadConfig,
    ::testing::Values(
        Bad{"datadir: x", "c.yaml:1: "}, Bad{"datadir: x", "did you mean 'data_dir'"},
        Bad{"gateway:\n  listen: 8443", "c.yaml:2: listen"},
        Bad{"gateway: { listen: \"localhost:1\" }", "ADDRESS:PORT"},
        Bad{"gateway: { tls: yes }", "gateway.tls"}, Bad{"gateway: { tls: { cert: /dev/null } }", "key"},
        Bad{"gateway:\n  tls: { cert: /dev/null, key: /nowhere/k.pem }",
            "c.yaml:2: gateway.tls.key: /nowhere/k.pem"},
        Bad{"gateway: { workers: 0 }", "workers"}, Bad{"gateway: { workers: many }", "workers"},
        Bad{"\n\nlimits: { head: 1MiB }", "c.yaml:3: head"}, Bad{"limits: { head: 4 apples }", "head"},
        Bad{"limits: { idle_timeout: 30 }", "idle_timeout"},
        Bad{"limits: { idle_timeout: 0s }", "idle_timeout"},
        Bad{"limits: { unauthenticated: lots }", "unauthenticated"},
        Bad{"limits: { connections: -1 }", "connections"}, Bad{"log: { level: loud }", "level"},
        Bad{"log: { access: /tmp/x }", "file:PATH"}, Bad{"drain_timeout: soon", "drain_timeout"},
        Bad{"store: sqlite", "store"},
        Bad{"store:\n  url: /var/lib/s.db", "c.yaml:2: url: must be sqlite:FILE"},
        Bad{"store: { url: \"sqlite:\" }", "url"}, Bad{"store: { url: \"postgres://db/x\" }", "sqlite:FILE"},
        Bad{"store: { path: x }", "path"},
        Bad{"master_key:\n  from: fake-key", "c.yaml:2: from: must be file:PATH, env:NAME, transit:KEY"},
        Bad{"master_key: { from: \"env:1BAD\" }", "env:NAME"},
        Bad{"master_key: { from: \"env:\" }", "env:NAME"},
        Bad{"master_key: { from: \"file:\" }", "file:PATH"},
        Bad{"audit: { durability: eventual }", "durability: must be group or strict"},
        Bad{"audit: yes", "audit"}, Bad{"audit: { window: 0ms }", "window"},
        Bad{"audit: { window: fast }", "window"}, Bad{"audit: { lane_timeout: 25h }", "lane_timeout"},
        Bad{"audit: { lane: 1KiB }", "from 64KiB to 1GiB"},
        Bad{"audit: { addresses: some }", "addresses: must be full, pseudonym or none"},
        Bad{"gateway: { trace: \"off\" }", "trace: must be continue or begin"},
        Bad{"audit: { lane: 2GiB }", "from 64KiB to 1GiB"}, Bad{"audit: { retention: 30 }", "retention"},
        Bad{"audit: { retention: 0d }", "retention: must be `off`, or from 1m to 36500d"},
        Bad{"audit: { retention: 59s }", "retention"}, Bad{"audit: { retention: 36501d }", "retention"},
        Bad{"audit: { retention_size: 511MiB }", "retention_size: must be twice `segment` or more"},
        Bad{"audit: { retention_size: 0 }", "retention_size: must be `off`"},
        Bad{"audit: { segment: 1KiB }", "segment: must be from 64KiB to 64GiB"},
        Bad{"audit: { segment_age: 31d }", "segment_age: must be from 1s to 30d"},
        Bad{"audit: { checkpoint_interval: 2h }", "checkpoint_interval"},
        Bad{"audit: { checkpoint_events: 0 }", "checkpoint_events"},
        Bad{"audit: { reserve: lots }", "reserve"}, Bad{"audit: { sinks: yes }", "sinks"},
        Bad{"admin: { rate: often }", "rate"},
        Bad{"admin: { security_contact: me@example.com }", "security_contact"},
        Bad{"admin: { security_contact: \"https://a b\" }", "security_contact"},
        Bad{"limits: { admin_connections: 0 }", "admin_connections"},
        Bad{"limits: { connections_per_address: 0 }", "connections_per_address"},
        Bad{"limits: { memory: 1MiB }", "memory: must be `auto`, or from 32MiB"},
        Bad{"limits: { memory: most }", "memory"}, Bad{"limits:\n  body_rate: -1", "c.yaml:2: body_rate"},
        Bad{"limits: { requests_per_connection: 0 }", "requests_per_connection"},
        Bad{"drain_delay: 2h", "drain_delay"}, Bad{"drain_delay: -1s", "drain_delay"},
        Bad{"drain_delay: 0", "drain_delay"},
        Bad{"gateway: { tls: { client_ca: /nowhere/ca.pem } }", "gateway.tls.client_ca: /nowhere/ca.pem"},
        Bad{"gateway: { tls: {} }", "cert"},
        Bad{"gateway: { tls: { cert: /dev/null, key: /dev/zero, client_certificate: required } }",
            "client_certificate: is of no use without client_ca"},
        Bad{"[1, 2]", "configuration"}, Bad{"gateway: 3", "gateway"}));

}  // namespace
}  // namespace claviger::server
