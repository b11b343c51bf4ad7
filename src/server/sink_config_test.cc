// SPDX-License-Identifier: Apache-2.0
#include "server/sink_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config.h"
#include "server/yaml.h"

namespace claviger::server {
namespace {

using sinks::SinkType;
using ::testing::HasSubstr;

Result<Config> parse(const std::string& sinks, const std::string& more = "") {
  const auto documents = read_yaml("audit: { sinks: " + sinks + " }\n" + more, "c.yaml");
  if (!documents.has_value()) return documents.error();
  return parse_config(documents->front());
}

std::string refusal(const std::string& sinks, const std::string& more = "") {
  const auto config = parse(sinks, more);
  return config.has_value() ? "nothing is wrong" : std::string(config.error().what());
}

TEST(SinkConfig, ReadsEveryKey) {
  const auto config = parse(R"([
  { name: siem, type: webhook, url: "https://Siem.example.com:8443/in/", hmac: "env:FAKE", ca: /dev/null, cert: /dev/null, key: /dev/zero, batch: 64KiB },
  { name: log, type: syslog, address: "[::1]:6514", tls: off, enterprise: 7 },
  { name: copy, type: file, path: /var/log/a.jsonl },
  { name: out, type: stdout } ])");
  ASSERT_TRUE(config.has_value()) << config.error().what();
  const sinks::SinkList& all = config->audit.sinks;
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].type, SinkType::kWebhook);
  EXPECT_EQ(all[0].host, "siem.example.com");
  EXPECT_EQ(all[0].port, 8443U);
  EXPECT_EQ(all[0].authority, "siem.example.com:8443");
  EXPECT_EQ(all[0].target, "/in/");
  EXPECT_EQ(all[0].hmac, "env:FAKE");
  EXPECT_EQ(all[0].batch, 64U << 10);
  EXPECT_EQ(all[0].ca, "/dev/null");
  EXPECT_EQ(all[0].key, "/dev/zero");
  EXPECT_TRUE(all[0].tls);
  EXPECT_EQ(all[1].host, "::1");
  EXPECT_TRUE(all[1].host_is_ip);
  EXPECT_EQ(all[1].port, 6514U);
  EXPECT_FALSE(all[1].tls);
  EXPECT_EQ(all[1].enterprise, 7U);
  EXPECT_EQ(all[2].path, "/var/log/a.jsonl");
  EXPECT_EQ(all[3].type, SinkType::kStdout);
}

TEST(SinkConfig, KeepsTheUrlsPathAsItWasWritten) {
  for (const auto& [url, target] :
       {std::pair{"https://a.example", "/"}, std::pair{"https://a.example/", "/"},
        std::pair{"https://a.example/x", "/x"}, std::pair{"https://a.example/x/", "/x/"}}) {
    const auto config =
        parse(R"([{ name: a, type: webhook, hmac: "env:FAKE", url: ")" + std::string(url) + "\" }]");
    ASSERT_TRUE(config.has_value()) << config.error().what();
    EXPECT_EQ(config->audit.sinks[0].target, target);
  }
}

TEST(SinkConfig, SendsInTheClearToAddressesOfLoopbackAlone) {
  const auto webhook = [](const std::string& url) {
    return refusal("[{ name: a, type: webhook, hmac: \"env:FAKE\", url: \"" + url + "\" }]");
  };
  const auto syslog = [](const std::string& address) {
    return refusal("[{ name: a, type: syslog, tls: off, address: \"" + address + "\" }]");
  };
  EXPECT_EQ(webhook("http://127.0.0.1:8080/x"), "nothing is wrong");
  EXPECT_EQ(syslog("[::1]:514"), "nothing is wrong");
  for (const char* host : {"localhost", "10.0.0.1", "0.0.0.0", "logs.example.com", "[::ffff:10.0.0.1]"}) {
    EXPECT_THAT(webhook(std::string("http://") + host + "/x"), HasSubstr("loopback")) << host;
    EXPECT_THAT(syslog(std::string(host) + ":514"), HasSubstr("loopback")) << host;
  }
  EXPECT_THAT(refusal("[{ name: a, type: syslog, tls: off, ca: /dev/null, address: \"127.0.0.1:1\" }]"),
              HasSubstr("no use"));
}

TEST(SinkConfig, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(refusal("{ name: a }"), HasSubstr("must be a list"));
  EXPECT_THAT(refusal("[{ type: stdout }]"), HasSubstr("name"));
  EXPECT_THAT(refusal("[{ name: a }]"), HasSubstr("type"));
  EXPECT_THAT(refusal("[{ name: ../a, type: stdout }]"), HasSubstr("name"));
  EXPECT_THAT(refusal("[{ name: a, type: stdout, path: /x }]"), HasSubstr("path"));
  EXPECT_THAT(refusal("[{ name: a, type: stdout, batch: 2MiB }]"), HasSubstr("batch"));
  EXPECT_THAT(refusal("[{ name: a, type: file, path: x }]"), HasSubstr("absolute"));
  EXPECT_THAT(refusal("[{ name: a, type: syslog, address: host }]"), HasSubstr("HOST:PORT"));
  EXPECT_THAT(refusal("[{ name: a, type: syslog, address: \"host:1/x\" }]"), HasSubstr("HOST:PORT"));
  EXPECT_THAT(refusal("[{ name: a, type: syslog, address: \"host:1\", tls: on }]"), HasSubstr("tls"));
  EXPECT_THAT(refusal("[{ name: a, type: syslog, address: \"host:1\", cert: /dev/null }]"),
              HasSubstr("together"));
  EXPECT_THAT(refusal("[{ name: a, type: webhook, hmac: \"env:FAKE\", url: \"https://h/?token=fake\" }]"),
              Not(HasSubstr("fake")));
  EXPECT_THAT(refusal("[{ name: a, type: webhook, hmac: fake-secret, url: \"https://h/\" }]"),
              HasSubstr("env:NAME"));
}

TEST(SinkConfig, RefusesTwoThatWouldGetInEachOthersWay) {
  EXPECT_THAT(refusal("[{ name: a, type: stdout }, { name: a, type: file, path: /x }]"),
              HasSubstr("two sinks"));
  EXPECT_THAT(refusal("[{ name: a, type: stdout }, { name: b, type: stdout }]"), HasSubstr("writes where"));
  EXPECT_THAT(refusal("[{ name: a, type: file, path: /x }, { name: b, type: file, path: /x }]"),
              HasSubstr("writes where"));
  EXPECT_THAT(refusal("[{ name: a, type: stdout }]", "log: { access: stdout }"), HasSubstr("torn"));
  EXPECT_EQ(refusal("[{ name: a, type: stdout }]", "log: { access: stderr }"), "nothing is wrong");
}

}  // namespace
}  // namespace claviger::server
