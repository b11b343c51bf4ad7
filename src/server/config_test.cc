// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <gtest/gtest.h>

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
admin: { listen: "127.0.0.1:2", tls: off }
limits: { head: 8KiB, body: 10MiB, headers: 50, connections: 7, head_timeout: 5s, idle_timeout: 6s, body_idle_timeout: 7s,
          upstream_idle: 8s, upstream_connections: 9, unauthenticated: 10/min }
log: { level: debug, access: "file:/tmp/a.log" }
drain_timeout: 3s
)");
  ASSERT_TRUE(config.has_value()) << config.error().what();
  EXPECT_EQ(config->data_dir, "/tmp/d");
  EXPECT_EQ(config->gateway.tls.certificate, "/dev/null");
  EXPECT_EQ(config->workers, 3U);
  EXPECT_TRUE(config->admin->tls.off);
  EXPECT_EQ(config->limits.head.bytes, 8192U);
  EXPECT_EQ(config->limits.body, 10U << 20);
  EXPECT_EQ(config->limits.head.fields, 50U);
  EXPECT_EQ(config->connections, 7U);
  EXPECT_EQ(config->limits.head_timeout, std::chrono::seconds(5));
  EXPECT_EQ(config->upstream_connections, 9U);
  EXPECT_EQ(config->unauthenticated.calls, 10U);
  EXPECT_EQ(config->log_level, telemetry::Level::kDebug);
  EXPECT_EQ(config->drain_timeout, std::chrono::seconds(3));
}

TEST(Config, TheAdminListenerTakesTheGatewaysCertificateUnlessItHasItsOwn) {
  EXPECT_EQ(parse("gateway: { tls: { cert: /dev/null, key: /dev/zero } }")->admin->tls.certificate,
            "/dev/null");
  EXPECT_TRUE(parse("gateway: { tls: off }")->admin->tls.off);
  EXPECT_FALSE(parse("admin: { listen: \"off\" }")->admin.has_value());
  EXPECT_FALSE(parse("admin: { listen: off }")->admin.has_value());
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
        Bad{"[1, 2]", "configuration"}, Bad{"gateway: 3", "gateway"}));

}  // namespace
}  // namespace claviger::server
