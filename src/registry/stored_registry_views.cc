// SPDX-License-Identifier: Apache-2.0
// What the registry shows: resources, and what is to be done about them.
#include "gateway/credential_report.h"
#include "registry/stored_registry.h"

namespace claviger::registry {

using policy::Kind;

net::Task<Result<Registry::Page>> StoredRegistry::list(Kind kind, std::string after, std::size_t limit) {
  co_return co_await parts_.store_thread.run([&]() -> Result<Page> {
    // One more than is asked for tells whether there are more.
    auto records = CLV_TRY(parts_.store.list(policy::kind_name(kind), after, limit + 1));
    Page page;
    if (records.size() > limit) {
      records.pop_back();
      page.next = records.back().name;
    }
    for (const store::Record& record : records) page.items.push_back(CLV_TRY(view_of(record)));
    return page;
  });
}

Result<ResourceView> StoredRegistry::view_of(const store::Record& record) {
  if (const auto fault = CLV_TRY(guard_.check(parts_.store, record)))
    return make_faulty_view(record.kind, record.name, fault->what);
  const auto body = read_body(record.body);
  if (!body.has_value()) return make_faulty_view(record.kind, record.name, "cannot be read");
  if (record.kind != policy::kind_name(Kind::kCredential)) return make_view(record, *body);
  auto loaded = load_record(record);
  if (!loaded.has_value()) return make_view(record, *body);
  auto& credential = std::get<policy::CredentialResource>(loaded->resource);
  Body shown = *body;
  const std::string fault = show_source(credential, shown.status);
  auto report =
      gateway::report_on(credential, *settings_.lives, parts_.clock.wall(), parts_.clock.monotonic());
  if (!fault.empty()) report.warnings.push_back(fault);
  return make_view(record, shown, &report);
}

net::Task<Result<ResourceView>> StoredRegistry::find(Kind kind, std::string name) {
  co_return co_await parts_.store_thread.run([&]() -> Result<ResourceView> {
    const auto record = CLV_TRY(parts_.store.find(policy::kind_name(kind), name));
    if (!record) {
      if (const auto fault = CLV_TRY(guard_.check_absent(parts_.store, policy::kind_name(kind), name)))
        return make_faulty_view(fault->kind, fault->name, fault->what);
    }
    if (!record || record->deleted)
      return Error::formatted(Code::kNoResource, Blame::kCaller,
                              "there is no " + std::string(policy::kind_name(kind)) + " '" + name + "'");
    return view_of(*record);
  });
}

// What is to be done about credentials, or will have to be; of so many that all of it can be read.
void StoredRegistry::add_credential_notices(std::vector<Notice>& all) const {
  constexpr std::size_t kMost = 50;
  std::size_t count = 0;
  for (const auto& upstream : world_->policy->upstreams()) {
    if (!upstream) continue;
    for (const policy::CredentialResource& credential : upstream->credentials) {
      auto report =
          gateway::report_on(credential, *settings_.lives, parts_.clock.wall(), parts_.clock.monotonic());
      for (std::string& warning : report.warnings)
        if (++count <= kMost) all.push_back({"credential", credential.name, std::move(warning)});
      std::string fault = source_fault(credential);
      if (fault.empty() || ++count > kMost) continue;
      // It ends in why there is no secret, which need not be said twice.
      std::erase_if(all, [&](const Notice& said) {
        return said.kind == "credential" && said.name == credential.name && fault.ends_with(said.what);
      });
      all.push_back({"credential", credential.name, std::move(fault)});
    }
  }
  if (count > kMost)
    all.push_back(
        {"credential", "(others)",
         std::to_string(count - kMost) + " more notices: `claviger get credentials` has all of them"});
}

// What an operator says is good is not to wait for a trial. There may be nothing to write for it: nothing of it lies in the store.
void StoredRegistry::believe(const Actor& actor, const std::vector<RecordKey>& enabled) const {
  for (const RecordKey& key : enabled)
    if (const auto life = settings_.lives->find(key.second))
      life->begin_anew("enabled", actor.principal, parts_.clock.monotonic());
}

std::vector<Notice> StoredRegistry::notices() const {
  std::vector<Notice> all = faults_;
  for (const auto& each : unusable_) all.push_back({"credential", each.name, each.why});
  add_credential_notices(all);
  if (is_rotating_audit_key_)
    all.push_back(
        {"audit", "key", "is being rotated: that ends by itself once log and store can be written"});
  if (auto rekey = rekey_notice()) all.push_back(*std::move(rekey));
  return all;
}

}  // namespace claviger::registry
