// SPDX-License-Identifier: Apache-2.0
#include "policy/draft.h"

#include <unordered_set>

#include "base/check.h"
#include "policy/draft_queue.h"
#include "policy/draft_work.h"
#include "policy/grant_names.h"
#include "policy/snapshot_tables.h"

namespace claviger::policy {

struct Draft::State {
  std::shared_ptr<const Snapshot> from;  // keeps alive what its tables share with the next
  DraftQueues queues;
  GrantNames names;
};

Draft::Draft(std::shared_ptr<const Snapshot> from) : state_(std::make_unique<State>()) {
  state_->from = std::move(from);
}
Draft::~Draft() = default;

void Draft::put(Resource resource) {
  if (auto* grant = std::get_if<GrantResource>(&resource); grant != nullptr && grant->name.empty())
    grant->name = name_for(*grant);
  std::visit([&]<class R>(R& one) { state_->queues.of<R>().put(std::move(one)); }, resource);
}

Result<void> Draft::remove(Kind kind, std::string_view name) {
  const bool is_before = state_->from->tables_->has(kind, name);
  return state_->queues.with(kind, [&](auto& queue) -> Result<void> {
    const auto* queued = queue.find(name);
    if (queued != nullptr ? !queued->resource.has_value() : !is_before) {
      return Error::formatted(Code::kNoResource, Blame::kCaller,
                              "no " + std::string(kind_name(kind)) + " is named " + quoted(name));
    }
    if (is_before) {
      queue.remove(name);
    } else {
      queue.take_back(name);
    }
    return ok();
  });
}

std::string Draft::name_for(const GrantResource& grant) {
  return state_->names.next(grant, [&](const std::string& name) {
    return state_->from->tables_->find_grant(name) != nullptr ||
           state_->queues.of<GrantResource>().find(name) != nullptr;
  });
}

Result<std::shared_ptr<const Snapshot>> Draft::finish(std::uint64_t revision) {
  DraftWork work(*state_->from->tables_, state_->queues, nullptr);
  CLV_TRY_VOID(work.apply());
  return std::shared_ptr<const Snapshot>(new Snapshot(std::move(work).take(), revision));
}

// What is wrong is left out, and what referred to it is wrong the next time. Each round leaves out at least one
// resource, and chains are short: upstream, credential or grant.
std::shared_ptr<const Snapshot> Draft::finish_with_what_is_right(std::uint64_t revision,
                                                                 std::vector<Dropped>& dropped) {
  while (true) {
    std::vector<Complaint> complaints;
    DraftWork work(*state_->from->tables_, state_->queues, &complaints);
    static_cast<void>(work.apply());  // which goes on after errors
    if (complaints.empty())
      return std::shared_ptr<const Snapshot>(new Snapshot(std::move(work).take(), revision));
    const std::size_t before = dropped.size();
    for (Complaint& complaint : complaints) leave_out(std::move(complaint), dropped);
    CLV_CHECK(dropped.size() > before);
  }
}

void Draft::leave_out(Complaint complaint, std::vector<Dropped>& dropped) {
  if (!remove(complaint.kind, complaint.name).has_value()) return;  // it has been, for another reason
  dropped.push_back({.kind = complaint.kind,
                     .name = std::move(complaint.name),
                     .why = std::string(complaint.error.what())});
}

namespace {

// Puts all of a kind, none of which may be there twice.
template <class R>
Result<void> put_each(std::vector<R>& resources, DraftQueue<R>& queue) {
  for (R& resource : resources) {
    if (const auto* first = queue.find(resource.name); first != nullptr) {
      return refusal(resource.place, std::string(kind_name(kKindOf<R>)) + " " + quoted(resource.name) +
                                         " is already there, at " +
                                         base::format_place(first->resource->place));
    }
    queue.put(std::move(resource));
  }
  return ok();
}

// No written name is made up a second time.
void name_grants(std::vector<GrantResource>& grants) {
  std::unordered_set<std::string> written;
  for (const GrantResource& grant : grants) {
    if (!grant.name.empty()) written.insert(grant.name);
  }
  GrantNames names;
  for (GrantResource& grant : grants) {
    if (grant.name.empty())
      grant.name = names.next(grant, [&](const std::string& name) { return written.contains(name); });
  }
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> Snapshot::compile(Resources resources, std::uint64_t revision) {
  Draft draft(empty());
  DraftQueues& queues = draft.state_->queues;
  name_grants(resources.grants);
  CLV_TRY_VOID(put_each(resources.upstreams, queues.of<UpstreamResource>()));
  CLV_TRY_VOID(put_each(resources.principals, queues.of<PrincipalResource>()));
  CLV_TRY_VOID(put_each(resources.credentials, queues.of<CredentialResource>()));
  CLV_TRY_VOID(put_each(resources.api_keys, queues.of<ApiKeyResource>()));
  CLV_TRY_VOID(put_each(resources.grants, queues.of<GrantResource>()));
  return draft.finish(revision);
}

}  // namespace claviger::policy
