// SPDX-License-Identifier: Apache-2.0
// Snapshots that were made by thousands of small changes, held to those that are compiled from what is left.
#include <gtest/gtest.h>

#include <random>

#include "policy/draft.h"
#include "policy/testing/resources.h"

namespace claviger::policy {
namespace {

constexpr WallTime kNow{std::chrono::hours(24 * 365 * 50)};
constexpr int kSteps = 2000;

std::string key_id(int number) { return "key0000" + std::to_string(number); }

// Resources in the order written, changed as the headers say that a draft changes them.
class Model {
 public:
  void put(const Resource& resource) {
    std::visit([&](const auto& one) { put_in(of(one), one); }, resource);
  }
  bool remove(Kind kind, std::string_view name) {
    switch (kind) {
      case Kind::kUpstream:
        return remove_from(resources_.upstreams, name);
      case Kind::kCredential:
        return remove_from(resources_.credentials, name);
      case Kind::kPrincipal:
        return remove_from(resources_.principals, name);
      case Kind::kApiKey:
        return remove_from(resources_.api_keys, name);
      case Kind::kGrant:
        break;
    }
    return remove_from(resources_.grants, name);
  }
  bool is_revoked(std::string_view id) const {
    return std::ranges::any_of(resources_.api_keys,
                               [&](const ApiKeyResource& key) { return key.name == id && key.revoked; });
  }
  Result<std::shared_ptr<const Snapshot>> compile() const { return Snapshot::compile(resources_, 1); }

 private:
  std::vector<UpstreamResource>& of(const UpstreamResource& /*one*/) { return resources_.upstreams; }
  std::vector<CredentialResource>& of(const CredentialResource& /*one*/) { return resources_.credentials; }
  std::vector<PrincipalResource>& of(const PrincipalResource& /*one*/) { return resources_.principals; }
  std::vector<ApiKeyResource>& of(const ApiKeyResource& /*one*/) { return resources_.api_keys; }
  std::vector<GrantResource>& of(const GrantResource& /*one*/) { return resources_.grants; }

  template <class R>
  static void put_in(std::vector<R>& all, const R& one) {
    const auto at = std::ranges::find(all, one.name, &R::name);
    if (at != all.end()) {
      *at = one;
    } else {
      all.push_back(one);
    }
  }
  template <class R>
  static bool remove_from(std::vector<R>& all, std::string_view name) {
    return std::erase_if(all, [&](const R& one) { return one.name == name; }) > 0;
  }

  Resources resources_;
};

// Every answer that a snapshot gives to a fixed set of questions, by names.
std::string answers(const Snapshot& snapshot) {
  std::string text;
  const auto say = [&](const auto&... parts) { (text.append(parts).append(" "), ...); };
  for (int i = 0; i < 10; ++i) {
    const ApiKey* key = snapshot.find_key(key_id(i));
    if (key == nullptr) continue;
    say(key_id(i), snapshot.principal(key->principal).name, std::to_string(key->cidrs.size()),
        std::to_string(static_cast<int>(key->hash[0])));
  }
  for (const char* path : {"/m0", "/m1/x", "/m2", "/m2/x", "/m2/x/y", "/m3/a/b/c/d", "/m3/a/b", "/m4"}) {
    const auto route = snapshot.route(path);
    if (!route.has_value()) continue;
    const Upstream& upstream = *snapshot.upstreams()[route->upstream];
    say(path, upstream.resource.name, route->rest);
    for (const CredentialResource& credential : upstream.credentials) say(credential.name, credential.from);
  }
  for (int c = 0; c < 8; ++c) {
    const auto who = snapshot.find_certificate("dns:c" + std::to_string(c));
    if (who.has_value()) say("dns:c", std::to_string(c), snapshot.principal(*who).name);
  }
  for (int p = 0; p < 6; ++p) {
    const auto who = snapshot.find_principal("p" + std::to_string(p));
    if (!who.has_value()) continue;
    say(snapshot.principal(*who).name, std::to_string(static_cast<int>(snapshot.principal(*who).management)),
        snapshot.principal(*who).has_certificates ? "with" : "without");
    for (int u = 0; u < 5; ++u) {
      const auto where = snapshot.find_upstream("u" + std::to_string(u));
      if (!where.has_value()) continue;
      for (const char* method : {"GET", "POST", "PURGE"}) {
        for (const char* path : {"/a", "/b/c"}) {
          const Grant* grant = snapshot.authorize(*who, *where, http::method_of(method), method, path, kNow);
          say("u", std::to_string(u), method, path, grant == nullptr ? "denied" : grant->name,
              std::to_string(grant == nullptr ? 0 : grant->limit_key));
        }
      }
      for (const Grant* grant : snapshot.grants_of(*who, *where)) say(grant->name);
    }
  }
  return text;
}

class RandomChanges {
 public:
  explicit RandomChanges(unsigned seed) : random_(seed) {}

  int below(int bound) { return std::uniform_int_distribution(0, bound - 1)(random_); }
  bool one_in(int odds) { return below(odds) == 0; }
  std::string name(const char* prefix, int bound) { return prefix + std::to_string(below(bound)); }

  Kind kind() {  // grants are where most of the rules are
    constexpr std::array kKinds{Kind::kUpstream, Kind::kCredential, Kind::kPrincipal, Kind::kApiKey,
                                Kind::kApiKey,   Kind::kGrant,      Kind::kGrant,     Kind::kGrant};
    return kKinds[static_cast<std::size_t>(below(kKinds.size()))];
  }
  std::string name_of(Kind kind) {
    switch (kind) {
      case Kind::kUpstream:
        return name("u", 5);
      case Kind::kCredential:
        return name("c", 6);
      case Kind::kPrincipal:
        return name("p", 6);
      case Kind::kApiKey:
        return key_id(below(10));
      case Kind::kGrant:
        break;
    }
    return name("g", 12);
  }
  Resource resource(Kind kind) {
    switch (kind) {
      case Kind::kUpstream:
        return upstream();
      case Kind::kCredential:
        return credential();
      case Kind::kPrincipal:
        return principal();
      case Kind::kApiKey:
        return api_key();
      case Kind::kGrant:
        break;
    }
    return grant();
  }

 private:
  UpstreamResource upstream() {
    constexpr std::array kMounts{"/m0", "/m1", "/m2", "/m2/x", "/m3/a/b/c", "/m4"};
    UpstreamResource made =
        testing::upstream(name("u", 5), kMounts[static_cast<std::size_t>(below(kMounts.size()))]);
    if (one_in(3)) made.auth = {};
    return made;
  }
  CredentialResource credential() {
    CredentialResource made = testing::credential(name("c", 6), name("u", 5));
    made.from = name("env:FAKE_", 3);
    if (one_in(2)) made.auth = testing::upstream("u", "/u").auth;
    return made;
  }
  PrincipalResource principal() {
    std::vector<std::string> roles;
    for (int i = below(4); i > 0; --i) roles.push_back(name("r", 4));
    PrincipalResource made = testing::principal(name("p", 6), std::move(roles));
    made.disabled = one_in(5);
    made.management = static_cast<Management>(below(3));
    for (int i = std::max(0, below(6) - 3); i > 0; --i) made.certificates.push_back(name("dns:c", 8));
    return made;
  }
  ApiKeyResource api_key() {
    ApiKeyResource made = testing::api_key(key_id(below(10)), name("p", 6));
    made.hash.fill(static_cast<std::byte>(below(256)));
    made.cidrs.resize(static_cast<std::size_t>(below(3)));
    made.revoked = one_in(40);
    return made;
  }
  GrantResource grant() {
    GrantResource made = testing::grant(name("g", 12), name("p", 6), name("u", 5));
    if (one_in(2)) std::tie(made.principal, made.role) = std::pair("", name("r", 4));
    if (one_in(2)) made.methods = {one_in(2) ? "GET" : "PURGE", "POST"};
    if (one_in(2)) made.paths = {*Glob::parse(one_in(2) ? "/a" : "/b/*")};
    if (one_in(5)) made.expires = kNow;
    return made;
  }

  std::mt19937 random_;
};

TEST(DraftProperty, AChainOfChangesDecidesLikeWhatIsCompiledAtOnce) {
  RandomChanges random(20'250'101);
  Model model;
  std::shared_ptr<const Snapshot> snapshot = Snapshot::empty();
  std::shared_ptr<const Snapshot> kept = snapshot;  // an older one, and what it said
  std::string kept_answers = answers(*kept);
  int refused = 0;
  for (int step = 0; step < kSteps; ++step) {
    Draft draft(snapshot);
    Model next = model;
    for (int changes = 1 + random.below(random.one_in(4) ? 8 : 2); changes > 0; --changes) {
      const Kind kind = random.kind();
      if (random.one_in(3)) {
        const std::string name = random.name_of(kind);
        if (kind == Kind::kApiKey && model.is_revoked(name)) continue;
        ASSERT_EQ(draft.remove(kind, name).has_value(), next.remove(kind, name));
        continue;
      }
      const Resource resource = random.resource(kind);
      if (kind == Kind::kApiKey &&
          (next.is_revoked(name_of(resource)) || model.is_revoked(name_of(resource))))
        continue;  // ids are never used again, which is not for what is compiled from nothing
      draft.put(resource);
      next.put(resource);
    }
    const auto made = draft.finish(1);
    const auto compiled = next.compile();
    ASSERT_EQ(made.has_value(), compiled.has_value())
        << step << ": " << (made.has_value() ? compiled.error().what() : made.error().what());
    if (!made.has_value()) {
      ++refused;
      continue;
    }
    snapshot = *made;
    model = std::move(next);
    ASSERT_EQ(answers(*snapshot), answers(**compiled)) << step;
    if (!random.one_in(20)) continue;
    ASSERT_EQ(answers(*kept), kept_answers) << step;  // whatever came after it
    kept = snapshot;
    kept_answers = answers(*kept);
  }
  EXPECT_GT(refused, kSteps / 20);
  EXPECT_LT(refused, kSteps * 3 / 4);
}

// The same where what is wrong is left out instead of refused: what is left is consistent, by the compiler's own
// judgement.
TEST(DraftProperty, WhatIsRightCompilesAndDecidesTheSame) {
  RandomChanges random(7);
  for (int round = 0; round < 200; ++round) {
    Draft draft(Snapshot::empty());
    Model model;
    for (int i = 0; i < 40; ++i) {
      const Resource resource = random.resource(random.kind());
      draft.put(resource);
      model.put(resource);
    }
    std::vector<Dropped> dropped;
    const auto made = draft.finish_with_what_is_right(1, dropped);
    for (const Dropped& one : dropped) ASSERT_TRUE(model.remove(one.kind, one.name));
    const auto compiled = model.compile();
    ASSERT_TRUE(compiled.has_value()) << compiled.error().what();
    ASSERT_EQ(answers(*made), answers(**compiled));
  }
}

}  // namespace
}  // namespace claviger::policy
