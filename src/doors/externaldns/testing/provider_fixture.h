// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "doors/externaldns/provider.h"
#include "doors/externaldns/testing/fake_technitium.h"
#include "net/testing/loop_fixture.h"

namespace claviger::doors::externaldns::testing {

using Strings = std::vector<std::string>;

inline constexpr std::string_view kOwner = "heritage=external-dns,external-dns/owner=me";

// A provider for example.com on the node `a` of a server in memory.
class ProviderFixture : public ::testing::Test, public net::testing::LoopFixture {
 protected:
  ProviderFixture() {
    options.upstreams = {"a"};
    options.zones = {"example.com"};
  }

  Provider& provider() {
    if (!provider_.has_value()) {
      provider_.emplace(
          options, server, loop(),
          ProviderHooks{.record_changed =
                            [this](const RecordChange& change) {
                              told.push_back(fmt::format("{} {} {}: [{}] to [{}]",
                                                         outcome_name(change.outcome), change.name,
                                                         change.type, change.before, change.after));
                              told_ids += change.request_ids.size();
                            },
                        .zone_made =
                            [this](const ZoneMade& made) {
                              made_zones.push_back(fmt::format("{} on {}", made.zone, made.upstream));
                            },
                        .warned = [this](std::string_view what) { warnings.emplace_back(what); }});
    }
    return *provider_;
  }
  void again() { provider_.reset(); }

  Applied apply(Changes changes) {
    server.calls.clear();
    told.clear();
    return finish(provider().apply(std::move(changes)));
  }
  std::vector<Endpoint> listed() {
    const auto body = finish(provider().records());
    EXPECT_TRUE(body.has_value()) << body.error().what();
    return body.has_value() ? *parse_endpoints(*body) : std::vector<Endpoint>();
  }
  void have(std::string name, std::string type, std::string value, unsigned ttl = 300) {
    server.zones["example.com"].push_back(
        {.name = std::move(name), .type = std::move(type), .ttl = ttl, .value = std::move(value)});
  }

  static Endpoint one(std::string name, std::string type, Strings targets, std::int64_t ttl = 0) {
    return {.dns_name = std::move(name),
            .targets = std::move(targets),
            .record_type = std::move(type),
            .ttl = ttl};
  }
  // As the registry makes it.
  static Endpoint owner(std::string name, std::string owned, std::string who = "me") {
    return {.dns_name = std::move(name),
            .targets = {fmt::format("\"heritage=external-dns,external-dns/owner={}\"", who)},
            .record_type = "TXT",
            .labels = {{"ownedRecord", std::move(owned)}}};
  }

  FakeTechnitium server{loop()};
  ProviderOptions options;
  Strings told, warnings, made_zones;
  std::size_t told_ids = 0;

 private:
  std::optional<Provider> provider_;
};

}  // namespace claviger::doors::externaldns::testing
