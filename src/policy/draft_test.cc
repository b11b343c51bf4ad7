// SPDX-License-Identifier: Apache-2.0
#include "policy/draft.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/testing/resources.h"

namespace claviger::policy {
namespace {

using testing::api_key;
using testing::credential;
using ::testing::ElementsAre;
using testing::grant;
using testing::principal;
using testing::role_grant;
using testing::upstream;

constexpr WallTime kNow{std::chrono::hours(24 * 365 * 50)};

using Shared = std::shared_ptr<const Snapshot>;

Shared finished(Draft& draft, std::uint64_t revision = 1) {
  auto snapshot = draft.finish(revision);
  EXPECT_TRUE(snapshot.has_value()) << (snapshot.has_value() ? "" : snapshot.error().what());
  return *snapshot;
}
Shared with(const Shared& before, std::vector<Resource> resources) {
  Draft draft(before);
  for (Resource& resource : resources) draft.put(std::move(resource));
  return finished(draft);
}
Shared without(const Shared& before, Kind kind, std::string_view name) {
  Draft draft(before);
  EXPECT_TRUE(draft.remove(kind, name).has_value());
  return finished(draft);
}
Error refused(Draft& draft) {
  const auto snapshot = draft.finish(1);
  EXPECT_FALSE(snapshot.has_value());
  return snapshot.has_value() ? Error(Code::kInternal, Blame::kGateway, "") : snapshot.error();
}

// The grant that lets a principal through, or "denied".
std::string authorized(const Shared& snapshot, std::string_view who, std::string_view where,
                       std::string_view method = "GET") {
  const Grant* grant = snapshot->authorize(*snapshot->find_principal(who), *snapshot->find_upstream(where),
                                           http::method_of(method), method, "/x", kNow);
  return grant == nullptr ? "denied" : grant->name;
}

const Upstream* upstream_of(const Shared& snapshot, std::string_view name) {
  return snapshot->upstreams()[*snapshot->find_upstream(name)].get();
}
std::vector<std::string> pool_of(const Shared& snapshot, std::string_view name) {
  std::vector<std::string> names;
  for (const CredentialResource& one : upstream_of(snapshot, name)->credentials) names.push_back(one.name);
  return names;
}

class Drafted : public ::testing::Test {
 protected:
  Shared base_ = with(Snapshot::empty(), {upstream("u", "/u"), upstream("v", "/v"), principal("p", {"r"}),
                                          principal("q"), credential("c", "u"), api_key("aaaaaaaa", "p"),
                                          grant("pu", "p", "u", {"GET"}), role_grant("rv", "r", "v")});
};

TEST_F(Drafted, LeavesTheSnapshotItStartedFromAsItWas) {
  Draft draft(base_);
  draft.put(principal("n"));
  draft.put(api_key("bbbbbbbb", "n"));
  ASSERT_TRUE(draft.remove(Kind::kGrant, "pu").has_value());
  ASSERT_TRUE(draft.remove(Kind::kApiKey, "aaaaaaaa").has_value());
  const Shared next = finished(draft, 9);
  EXPECT_EQ(next->revision(), 9u);
  EXPECT_EQ(authorized(next, "p", "u"), "denied");
  EXPECT_EQ(next->find_key("aaaaaaaa"), nullptr);
  EXPECT_EQ(next->principal(next->find_key("bbbbbbbb")->principal).name, "n");

  EXPECT_EQ(authorized(base_, "p", "u"), "pu");
  EXPECT_NE(base_->find_key("aaaaaaaa"), nullptr);
  EXPECT_EQ(base_->find_key("bbbbbbbb"), nullptr);
  EXPECT_FALSE(base_->find_principal("n").has_value());
}

TEST_F(Drafted, ChangesNothingWhenItIsRefused) {
  Draft draft(base_);
  draft.put(principal("n"));
  draft.put(api_key("bbbbbbbb", "nobody"));
  const Error error = refused(draft);
  EXPECT_EQ(error.what(), "api_key: no principal is named 'nobody'");
  EXPECT_EQ(error.code(), Code::kInvalid);
  EXPECT_FALSE(base_->find_principal("n").has_value());
  draft.put(principal("nobody"));  // may follow later
  EXPECT_NE(finished(draft)->find_key("bbbbbbbb"), nullptr);
}

TEST_F(Drafted, TakesOverAnUpstreamObjectUntilItOrACredentialOfItsChanges) {
  const Shared other = with(base_, {principal("n"), grant("nu", "n", "u"), api_key("bbbbbbbb", "n"),
                                    upstream("w", "/w"), credential("cv", "v"), principal("p")});
  EXPECT_EQ(upstream_of(other, "u"), upstream_of(base_, "u"));
  EXPECT_NE(upstream_of(other, "v"), upstream_of(base_, "v"));
  EXPECT_NE(upstream_of(with(base_, {upstream("u", "/u2")}), "u"), upstream_of(base_, "u"));
  EXPECT_NE(upstream_of(with(base_, {credential("c", "u")}), "u"), upstream_of(base_, "u"));
  EXPECT_NE(upstream_of(without(base_, Kind::kCredential, "c"), "u"), upstream_of(base_, "u"));
  // All of them at once, when nothing in the table changes.
  EXPECT_EQ(with(base_, {principal("n")})->upstreams().data(), base_->upstreams().data());
}

TEST_F(Drafted, KeepsIndexesWhileTheThingIsThere) {
  Shared next = without(base_, Kind::kApiKey, "aaaaaaaa");
  next = with(next, {grant("qu", "q", "u")});
  next = without(without(without(next, Kind::kGrant, "pu"), Kind::kGrant, "rv"), Kind::kPrincipal, "p");
  next = without(without(next, Kind::kUpstream, "v"), Kind::kGrant, "qu");
  EXPECT_EQ(next->find_principal("q"), base_->find_principal("q"));
  EXPECT_EQ(next->find_upstream("u"), base_->find_upstream("u"));
  EXPECT_EQ(next->upstreams()[*base_->find_upstream("v")], nullptr);
  EXPECT_FALSE(next->find_principal("p").has_value());
}

TEST_F(Drafted, GivesAPositionToAnotherOnlyInALaterSnapshot) {
  Draft draft(base_);
  for (const char* name : {"pu", "rv"}) ASSERT_TRUE(draft.remove(Kind::kGrant, name).has_value());
  ASSERT_TRUE(draft.remove(Kind::kApiKey, "aaaaaaaa").has_value());
  ASSERT_TRUE(draft.remove(Kind::kPrincipal, "p").has_value());
  ASSERT_TRUE(draft.remove(Kind::kUpstream, "v").has_value());
  draft.put(principal("n"));
  draft.put(upstream("w", "/v"));  // whose mount is free at once
  const Shared next = finished(draft);
  EXPECT_EQ(next->upstreams()[*base_->find_upstream("v")], nullptr);
  EXPECT_NE(next->find_principal("n"), base_->find_principal("p"));

  const Shared later = with(next, {principal("m"), upstream("x", "/x")});
  EXPECT_EQ(later->find_principal("m"), base_->find_principal("p"));
  EXPECT_EQ(later->find_upstream("x"), base_->find_upstream("v"));
  EXPECT_EQ(authorized(later, "m", "u"), "denied");
}

TEST_F(Drafted, DoesNotGrowByComingAndGoing) {
  Shared next = base_;
  for (int i = 0; i < 500; ++i) {
    const std::string name = "n" + std::to_string(i);
    next = with(next, {principal(name, {"role-" + name}), upstream(name, "/" + name),
                       role_grant(name, "role-" + name, name)});
    EXPECT_EQ(authorized(next, name, name), name);
    next = without(without(without(next, Kind::kGrant, name), Kind::kPrincipal, name), Kind::kUpstream, name);
  }
  EXPECT_LE(next->upstreams().size(), 3u);
  next = with(next, {principal("last", {"role-last"})});
  EXPECT_LE(*next->find_principal("last"), 2u);
  EXPECT_LE(next->principal(*next->find_principal("last")).roles.at(0), 2u);
}

TEST_F(Drafted, DecidesByGrantsInTheOrderWritten) {
  Shared next = with(base_, {grant("two", "p", "u"), role_grant("three", "r", "u")});
  EXPECT_EQ(authorized(next, "p", "u"), "pu");
  next = with(next, {grant("pu", "p", "u", {"GET", "PUT"})});  // an update keeps its place
  EXPECT_EQ(authorized(next, "p", "u", "PUT"), "pu");
  next = with(next, {role_grant("pu", "r", "u")});  // even when it is given to somebody else
  EXPECT_EQ(authorized(next, "p", "u"), "pu");
  next = with(without(next, Kind::kGrant, "pu"), {grant("pu", "p", "u")});
  EXPECT_EQ(authorized(next, "p", "u"), "two");
  next = without(next, Kind::kGrant, "two");
  EXPECT_EQ(authorized(next, "p", "u"), "three");
}

TEST_F(Drafted, PutsLastWhatWasRemovedInTheSameDraft) {
  const Shared two = with(base_, {grant("two", "p", "u"), credential("d", "u")});
  Draft draft(two);
  ASSERT_TRUE(draft.remove(Kind::kGrant, "pu").has_value());
  ASSERT_TRUE(draft.remove(Kind::kCredential, "c").has_value());
  draft.put(grant("pu", "p", "u"));
  draft.put(credential("c", "u"));
  const Shared next = finished(draft);
  EXPECT_EQ(authorized(next, "p", "u"), "two");
  EXPECT_THAT(pool_of(next, "u"), ElementsAre("d", "c"));
}

TEST_F(Drafted, KeepsCredentialsInTheOrderWritten) {
  Shared next = with(base_, {credential("b", "u"), credential("a", "u"), credential("z", "v")});
  next = with(next, {credential("c", "u"), credential("y", "v")});
  EXPECT_THAT(pool_of(next, "u"), ElementsAre("c", "b", "a"));
  next = with(next, {credential("a", "v")});  // was written before y
  EXPECT_THAT(pool_of(next, "u"), ElementsAre("c", "b"));
  EXPECT_THAT(pool_of(next, "v"), ElementsAre("a", "z", "y"));
}

TEST_F(Drafted, RefusesToRemoveWhatIsNotThere) {
  Draft draft(base_);
  for (const Kind kind :
       {Kind::kUpstream, Kind::kCredential, Kind::kPrincipal, Kind::kApiKey, Kind::kGrant}) {
    const auto removed = draft.remove(kind, "nothing");
    ASSERT_FALSE(removed.has_value());
    EXPECT_EQ(removed.error().code(), Code::kNoResource);
    EXPECT_EQ(removed.error().what(), "no " + std::string(kind_name(kind)) + " is named 'nothing'");
  }
  draft.put(principal("n"));
  EXPECT_TRUE(draft.remove(Kind::kPrincipal, "n").has_value());
  EXPECT_FALSE(draft.remove(Kind::kPrincipal, "n").has_value());
  EXPECT_TRUE(draft.remove(Kind::kGrant, "pu").has_value());
  EXPECT_FALSE(draft.remove(Kind::kGrant, "pu").has_value());
  EXPECT_FALSE(finished(draft)->find_principal("n").has_value());
}

TEST_F(Drafted, NamesWhatStillNeedsSomethingThatWasRemoved) {
  const auto conflict = [&](const Shared& before, Kind kind, std::string_view name) {
    Draft draft(before);
    EXPECT_TRUE(draft.remove(kind, name).has_value());
    const Error error = refused(draft);
    EXPECT_EQ(error.code(), Code::kConflict);
    return std::string(error.what());
  };
  EXPECT_EQ(conflict(base_, Kind::kPrincipal, "p"), "principal 'p' still has API keys, such as 'aaaaaaaa'");
  EXPECT_EQ(conflict(base_, Kind::kUpstream, "u"), "upstream 'u' still has credentials, such as 'c'");
  EXPECT_EQ(conflict(base_, Kind::kUpstream, "v"), "upstream 'v' still has grants, such as 'rv'");
  const Shared keyless = without(base_, Kind::kApiKey, "aaaaaaaa");
  EXPECT_EQ(conflict(keyless, Kind::kPrincipal, "p"), "principal 'p' still has grants, such as 'pu'");
}

TEST_F(Drafted, RemovesWhatIsNeededTogetherWithWhatNeedsIt) {
  Draft draft(base_);
  ASSERT_TRUE(draft.remove(Kind::kPrincipal, "p").has_value());
  ASSERT_TRUE(draft.remove(Kind::kUpstream, "u").has_value());
  ASSERT_TRUE(draft.remove(Kind::kCredential, "c").has_value());
  draft.put(api_key("aaaaaaaa", "q"));     // given to somebody else
  draft.put(grant("pu", "q", "v"));  // as well
  const Shared next = finished(draft);
  EXPECT_EQ(next->principal(next->find_key("aaaaaaaa")->principal).name, "q");
  EXPECT_EQ(authorized(next, "q", "v"), "pu");
}

TEST_F(Drafted, RefusesAReferenceToWhatIsRemovedInTheSameDraft) {
  Draft draft(base_);
  ASSERT_TRUE(draft.remove(Kind::kPrincipal, "q").has_value());
  draft.put(grant("qu", "q", "u"));
  EXPECT_THAT(std::string(refused(draft).what()), ::testing::StartsWith("grant: no principal is named 'q'"));
}

TEST_F(Drafted, LetsUpstreamsExchangeTheirMountsButNotShareOne) {
  const Shared next = with(base_, {upstream("u", "/v"), upstream("v", "/u")});
  EXPECT_EQ(next->route("/u/x")->upstream, next->find_upstream("v"));
  EXPECT_EQ(next->route("/v/x")->upstream, next->find_upstream("u"));
  Draft draft(base_);
  draft.put(upstream("w", "/u"));
  EXPECT_EQ(refused(draft).what(), "upstream: mount '/u' is already there, of 'u'");
}

PrincipalResource with_certificates(std::string name, std::vector<std::string> certificates) {
  PrincipalResource made = principal(std::move(name));
  made.certificates = std::move(certificates);
  return made;
}

TEST_F(Drafted, LetsPrincipalsExchangeNamesOfCertificatesButNotShareOne) {
  const Shared before =
      with(base_, {with_certificates("a", {"dns:a", "dns:b"}), with_certificates("c", {"dns:c"})});
  const Shared next =
      with(before, {with_certificates("a", {"dns:c", "dns:c"}), with_certificates("c", {"dns:a"})});
  EXPECT_EQ(next->find_certificate("dns:a"), next->find_principal("c"));
  EXPECT_EQ(next->find_certificate("dns:c"), next->find_principal("a"));
  EXPECT_FALSE(next->find_certificate("dns:b").has_value());
  EXPECT_EQ(before->find_certificate("dns:b"), before->find_principal("a"));  // which is as it was
  Draft draft(before);
  draft.put(with_certificates("d", {"dns:d", "dns:b"}));
  EXPECT_EQ(refused(draft).what(), "principal 'd': the certificate name 'dns:b' is that of principal 'a'");
}

TEST_F(Drafted, ForgetsNamesOfCertificatesWithTheirPrincipal) {
  const Shared before = with(base_, {with_certificates("a", {"dns:a"})});
  EXPECT_TRUE(before->principal(*before->find_principal("a")).has_certificates);
  const Shared gone = without(before, Kind::kPrincipal, "a");
  EXPECT_FALSE(gone->find_certificate("dns:a").has_value());
  const Shared other = with(gone, {with_certificates("b", {"dns:a"})});
  EXPECT_EQ(other->find_certificate("dns:a"), other->find_principal("b"));
  const Shared taken = with(other, {principal("b")});
  EXPECT_FALSE(taken->find_certificate("dns:a").has_value());
  EXPECT_FALSE(taken->principal(*taken->find_principal("b")).has_certificates);
}

TEST_F(Drafted, LeavesOutAPrincipalThatClaimsAnothersCertificate) {
  Draft draft(with(base_, {with_certificates("a", {"dns:a"})}));
  draft.put(with_certificates("b", {"dns:a"}));
  draft.put(api_key("bbbbbbbb", "b"));
  std::vector<Dropped> dropped;
  const Shared next = draft.finish_with_what_is_right(1, dropped);
  EXPECT_EQ(next->find_certificate("dns:a"), next->find_principal("a"));
  EXPECT_FALSE(next->find_principal("b").has_value());
  EXPECT_EQ(dropped.size(), 2U);  // and its key
}

TEST_F(Drafted, RoutesNoLongerToAMountThatWasLeft) {
  Shared next = with(base_, {upstream("u", "/a/b/c")});
  EXPECT_FALSE(next->route("/u").has_value());
  EXPECT_TRUE(next->route("/a/b/c/d").has_value());
  next = with(next, {upstream("u", "/u")});
  EXPECT_FALSE(next->route("/a/b/c/d").has_value());
}

TEST_F(Drafted, RefusesToTakeAnUpstreamsAuthAwayFromItsCredentials) {
  Draft draft(base_);
  UpstreamResource bare = upstream("u", "/u");
  bare.auth = {};
  draft.put(std::move(bare));
  EXPECT_THAT(std::string(refused(draft).what()),
              ::testing::StartsWith("credential: neither it nor its upstream says how it is sent"));
}

TEST_F(Drafted, NeverUsesTheIdOfARevokedKeyAgain) {
  ApiKeyResource revoked = api_key("aaaaaaaa", "p");
  revoked.revoked = true;
  Shared next = with(base_, {revoked});
  EXPECT_EQ(next->find_key("aaaaaaaa"), nullptr);
  Draft draft(next);
  draft.put(api_key("aaaaaaaa", "p"));
  const Error error = refused(draft);
  EXPECT_EQ(error.code(), Code::kConflict);
  EXPECT_EQ(error.what(), "api_key 'aaaaaaaa' was revoked; API key ids are never used again");

  // Nor when it is removed and put in one go; and it keeps no principal from being removed.
  Draft again(next);
  ASSERT_TRUE(again.remove(Kind::kApiKey, "aaaaaaaa").has_value());
  again.put(api_key("aaaaaaaa", "p"));
  EXPECT_EQ(refused(again).code(), Code::kConflict);
  next = without(without(next, Kind::kGrant, "pu"), Kind::kPrincipal, "p");
  EXPECT_EQ(next->find_key("aaaaaaaa"), nullptr);
  with(next, {revoked});
}

TEST_F(Drafted, TellsADisabledPrincipalFromTheNextSnapshotOn) {
  PrincipalResource disabled = principal("p", {"r"});
  disabled.disabled = true;
  disabled.management = Management::kRead;
  const Shared next = with(base_, {disabled});
  EXPECT_EQ(authorized(next, "p", "u"), "denied");
  EXPECT_EQ(authorized(with(next, {principal("p")}), "p", "u"), "pu");
  EXPECT_EQ(next->principal(*next->find_principal("p")).management, Management::kRead);
}

TEST_F(Drafted, FollowsRolesAsPrincipalsAndGrantsChange) {
  EXPECT_EQ(authorized(base_, "p", "v"), "rv");
  Shared next = with(base_, {principal("p", {"s"}), principal("q", {"r"})});
  EXPECT_EQ(authorized(next, "p", "v"), "denied");
  EXPECT_EQ(authorized(next, "q", "v"), "rv");
  next = with(next, {role_grant("rv", "s", "v")});
  EXPECT_EQ(authorized(next, "p", "v"), "rv");
  EXPECT_EQ(authorized(next, "q", "v"), "denied");
}

TEST_F(Drafted, MakesUpNamesThatNobodyHas) {
  Draft draft(base_);
  GrantResource nameless = grant("", "p", "u", {"PUT"});
  EXPECT_EQ(draft.name_for(nameless), "p:u");
  draft.put(nameless);
  EXPECT_EQ(authorized(finished(draft), "p", "u", "PUT"), "p:u:2");
  Draft next(with(base_, {grant("p:u", "p", "u")}));
  EXPECT_EQ(next.name_for(nameless), "p:u:2");
}

TEST_F(Drafted, MayBeFinishedMoreThanOnce) {
  Draft draft(base_);
  draft.put(principal("n"));
  const Shared one = finished(draft);
  draft.put(principal("m"));
  const Shared two = finished(draft);
  EXPECT_FALSE(one->find_principal("m").has_value());
  EXPECT_TRUE(two->find_principal("m").has_value());
  EXPECT_TRUE(two->find_principal("n").has_value());
}

std::vector<std::string> names(const std::vector<Dropped>& dropped) {
  std::vector<std::string> names;
  for (const Dropped& one : dropped)
    names.push_back(std::string(kind_name(one.kind)) + " " + one.name + ": " + one.why);
  std::ranges::sort(names);
  return names;
}

TEST(TamperedDraft, LeavesOutWhatIsWrongAndWhatRefersToIt) {
  Draft draft(Snapshot::empty());
  draft.put(upstream("u", "/u"));
  draft.put(upstream("twin", "/u"));
  draft.put(credential("ct", "twin"));
  draft.put(credential("cu", "u"));
  draft.put(principal("p"));
  draft.put(api_key("aaaaaaaa", "p"));
  draft.put(api_key("bbbbbbbb", "nobody"));
  draft.put(grant("pu", "p", "u"));
  draft.put(grant("pt", "p", "twin"));
  draft.put(grant("nu", "nobody", "u"));
  std::vector<Dropped> dropped;
  const Shared snapshot = draft.finish_with_what_is_right(5, dropped);
  EXPECT_THAT(names(dropped), ElementsAre("api_key bbbbbbbb: api_key: no principal is named 'nobody'",
                                          "credential ct: credential: no upstream is named 'twin'",
                                          "grant nu: grant: no principal is named 'nobody'",
                                          "grant pt: grant: no upstream is named 'twin'",
                                          "upstream twin: upstream: mount '/u' is already there, of 'u'"));
  EXPECT_EQ(snapshot->revision(), 5u);
  EXPECT_EQ(authorized(snapshot, "p", "u"), "pu");
  EXPECT_NE(snapshot->find_key("aaaaaaaa"), nullptr);
  EXPECT_EQ(snapshot->find_key("bbbbbbbb"), nullptr);
  EXPECT_FALSE(snapshot->find_upstream("twin").has_value());
}

TEST_F(Drafted, LeavesOutWhatLosesItsPrincipalOrUpstream) {
  Draft draft(base_);
  ASSERT_TRUE(draft.remove(Kind::kPrincipal, "p").has_value());
  ASSERT_TRUE(draft.remove(Kind::kUpstream, "u").has_value());
  std::vector<Dropped> dropped;
  const Shared next = draft.finish_with_what_is_right(2, dropped);
  EXPECT_THAT(names(dropped), ElementsAre("api_key aaaaaaaa: api_key: no principal is named 'p'",
                                          "credential c: credential: no upstream is named 'u'",
                                          "grant pu: grant: no principal is named 'p'"));
  EXPECT_EQ(next->find_key("aaaaaaaa"), nullptr);
  EXPECT_EQ(authorized(next, "q", "v"), "denied");
}

// What was there before is not kept in place of what it was changed into.
TEST_F(Drafted, LeavesOutAnUpstreamThatBecameWrongAndAllOfItsOwn) {
  Draft draft(base_);
  draft.put(upstream("u", "/v"));
  std::vector<Dropped> dropped;
  const Shared next = draft.finish_with_what_is_right(2, dropped);
  EXPECT_THAT(names(dropped), ElementsAre("credential c: credential: no upstream is named 'u'",
                                          "grant pu: grant: no upstream is named 'u'",
                                          "upstream u: upstream: mount '/v' is already there, of 'v'"));
  EXPECT_FALSE(next->route("/u").has_value());
  EXPECT_EQ(authorized(next, "p", "v"), "rv");
}

}  // namespace
}  // namespace claviger::policy
