// SPDX-License-Identifier: Apache-2.0
#include "server/door_check.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/parse.h"

namespace claviger::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const WallTime kNow = *base::parse_rfc3339("2026-06-01T00:00:00Z");

policy::UpstreamResource upstream(const std::string& name) {
  policy::UpstreamResource made;
  made.name = name;
  made.mount = "/" + name;
  return made;
}

struct DoorCheckTest : ::testing::Test {
  policy::Resources resources;
  DoorConfig door;

  DoorCheckTest() {
    door.name = "dns";
    door.principal = "external-dns";
    door.dns.upstreams = {"technitium"};
    resources.upstreams.push_back(upstream("technitium"));
    credential("technitium");
    policy::PrincipalResource principal;
    principal.name = "external-dns";
    resources.principals.push_back(principal);
    grant({"/api/zones/list", "/api/zones/records/*"});
  }
  void credential(const std::string& of) {
    policy::CredentialResource made;
    made.name = of + "-main";
    made.upstream = of;
    made.from = "env:FAKE";
    made.auth.type = base::Document::Type::kMap;
    resources.credentials.push_back(made);
  }
  void grant(const std::vector<std::string>& paths) {
    policy::GrantResource grant;
    grant.name = "grant-" + std::to_string(resources.grants.size());
    grant.principal = "external-dns";
    grant.upstream = "technitium";
    grant.methods = {"POST"};
    for (const std::string& path : paths) grant.paths.push_back(*policy::Glob::parse(path));
    resources.grants.push_back(grant);
  }
  std::shared_ptr<const policy::Snapshot> policy() const { return *policy::Snapshot::compile(resources, 1); }
  std::vector<std::string> said() const {
    std::vector<std::string> all;
    for (const DoorMisfit& misfit : check_door(door, *policy(), kNow)) all.push_back(misfit.detail);
    return all;
  }
};

TEST_F(DoorCheckTest, SaysNothingWhereAllOfItIsThere) { EXPECT_THAT(said(), IsEmpty()); }

TEST_F(DoorCheckTest, NamesAPrincipalThatIsNotThere) {
  door.principal = "external_dns";
  EXPECT_THAT(said(),
              ElementsAre("there is no principal 'external_dns': all that the door asks for is refused"));
  EXPECT_FALSE(check_door(door, *policy(), kNow)[0].is_by_intent);
}

TEST_F(DoorCheckTest, NamesAPrincipalThatIsDisabledAsOneThatMayBeMeantToBe) {
  resources.principals[0].disabled = true;
  EXPECT_THAT(said(), ElementsAre(HasSubstr("principal 'external-dns' is disabled")));
  EXPECT_TRUE(check_door(door, *policy(), kNow)[0].is_by_intent);
}

TEST_F(DoorCheckTest, NamesEachUpstreamThatIsNotThereOrNotGranted) {
  resources.upstreams.push_back(upstream("technitium-b"));
  credential("technitium-b");
  door.dns.upstreams = {"technitium", "technitium-b", "technitium-c"};
  EXPECT_THAT(said(),
              ElementsAre("principal 'external-dns' has no grant on upstream 'technitium-b': all that the "
                          "door asks of it is refused",
                          "there is no upstream 'technitium-c': it is not asked"));
}

TEST_F(DoorCheckTest, NamesAnUpstreamThatHasNoCredential) {
  resources.credentials.clear();
  EXPECT_THAT(said(),
              ElementsAre("upstream 'technitium' has no credential: all that is asked of it is refused"));
}

TEST_F(DoorCheckTest, NamesEachPathThatTheGrantLacks) {
  resources.grants.clear();
  grant({"/api/zones/list", "/api/zones/records/get", "/api/zones/records/add"});
  EXPECT_THAT(said(), ElementsAre(HasSubstr("may not POST /technitium/api/zones/records/update: no grant"),
                                  HasSubstr("may not POST /technitium/api/zones/records/delete: no grant")));
  door.dns.dry_run = true;
  EXPECT_THAT(said(), SizeIs(2)) << "a dry run is to be followed by another";
}

TEST_F(DoorCheckTest, AsksForMakingZonesOnlyWhereItIsToMakeThem) {
  door.dns.create_zones = true;
  EXPECT_THAT(said(), ElementsAre(HasSubstr("may not POST /technitium/api/zones/create")));
  grant({"/api/zones/create"});
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(DoorCheckTest, TellsTheLogOfEachOnceUntilItComesAgain) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const auto lines = [&ends] {
    std::array<char, 8192> text{};
    const ssize_t size = ::read(ends[0], text.data(), text.size());
    return std::ranges::count(std::string_view(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0),
                              '\n');
  };
  {
    const SystemClock clock;
    telemetry::Log log(telemetry::Level::kInfo, ends[1], clock);
    DoorCheck check(log);
    const auto fine = policy();
    resources.grants.clear();
    const auto without = policy();
    for (int i = 0; i < 3; ++i) check.look({&door, 1}, *without, kNow);
    EXPECT_EQ(lines(), 1);
    check.look({&door, 1}, *fine, kNow);
    check.look({&door, 1}, *without, kNow);
    EXPECT_EQ(lines(), 1);
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace claviger::server
