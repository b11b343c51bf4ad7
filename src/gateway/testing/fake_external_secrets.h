// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/external_secrets.h"

namespace claviger::gateway::testing {

// Secrets that lie in the test.
class FakeExternalSecrets final : public ExternalSecrets {
 public:
  explicit FakeExternalSecrets(base::SecretArena& arena) : arena_(arena) {}

  void set(const std::string& from, std::string_view value) {
    values_[from].good = value;
    ++values_[from].version;
  }
  void drop(const std::string& from) { values_[from].good.clear(); }
  void offer(const std::string& from, std::string_view value) { values_[from].offered = value; }

  Result<base::SecretBytes> read(const policy::CredentialResource& credential, std::string_view) override {
    const Value& value = values_[credential.from];
    const std::string& text = value.is_tried ? value.offered : value.good;
    if (text.empty()) return Error(Code::kNoCredential, Blame::kOperator, "has no value");
    return base::SecretBytes::copy_of(arena_, std::as_bytes(std::span(text)));
  }
  Result<void> check(const policy::CredentialResource& credential,
                     const policy::UpstreamResource&) const override {
    if (allowed.contains(credential.from)) return ok();
    return Error(Code::kInvalid, Blame::kOperator, "from: is not allowed");
  }
  void want(std::span<const std::string> froms) override { wanted.insert(froms.begin(), froms.end()); }
  void keep_only(const World& world) override {
    std::set<std::string> kept;
    for (const auto& upstream : world.policy->upstreams())
      if (upstream)
        for (const auto& credential : upstream->credentials)
          if (wanted.contains(credential.from)) kept.insert(credential.from);
    wanted = std::move(kept);
  }
  void settle(policy::CredentialResource& credential) const override {
    const auto found = values_.find(credential.from);
    if (found != values_.end()) credential.version = found->second.version + (found->second.is_tried ? 1 : 0);
  }
  Shown shown(std::string_view from) const override {
    const auto found = values_.find(std::string(from));
    return {.version = found != values_.end() ? found->second.version : 0, .changed = {}, .fault = {}};
  }
  void try_on(std::string_view from) override {
    Value& value = values_[std::string(from)];
    value.is_tried = !value.offered.empty();
  }
  void take(std::string_view from) override {
    Value& value = values_[std::string(from)];
    if (!std::exchange(value.is_tried, false)) return;
    value.good = std::exchange(value.offered, {});
    ++value.version;
  }
  void refuse(std::string_view from, std::string why) override {
    Value& value = values_[std::string(from)];
    value.is_tried = false;
    value.offered.clear();
    refusal = std::move(why);
  }

  std::set<std::string> allowed, wanted;
  std::string refusal;

 private:
  struct Value {
    std::string good, offered;
    bool is_tried = false;
    std::uint32_t version = 0;
  };
  base::SecretArena& arena_;
  std::map<std::string, Value> values_;
};

}  // namespace claviger::gateway::testing
