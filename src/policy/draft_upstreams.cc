// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/draft_work.h"

namespace claviger::policy {
namespace {

std::size_t segments_of(std::string_view mount) {
  return static_cast<std::size_t>(std::ranges::count(mount, '/'));
}

bool has_auth(const Upstream& upstream, const CredentialResource& credential) {
  return credential.auth.type != base::Document::Type::kNull ||
         upstream.resource.auth.type != base::Document::Type::kNull;
}

}  // namespace

// Mounts of all that change as well: two upstreams may exchange theirs.
void DraftWork::clear_upstreams() {
  for (const auto& entry : queues_.of<UpstreamResource>().entries()) {
    const NamedAt* known = find_named(tables_.upstream_names, entry.name);
    if (!entry.is_open || known == nullptr) continue;
    const UpstreamIndex index = known->at;
    const std::string& mount = (*tables_.upstreams)[index]->resource.mount;
    erase_named(tables_.mounts, mount);
    count_mount(mount, -1);
    if (entry.resource.has_value()) continue;
    erase_named(tables_.upstream_names, entry.name);
    going_upstreams_.push_back({.at = index, .name = entry.name});
  }
}

void DraftWork::clear_credentials() {
  for (const auto& entry : queues_.of<CredentialResource>().entries()) {
    if (!entry.is_open || (entry.resource.has_value() && !entry.is_new)) continue;
    const NamedCredential* known = find_named(tables_.credentials, entry.name);
    if (known == nullptr) continue;
    remove_credential(*known);
    erase_named(tables_.credentials, entry.name);
  }
}

void DraftWork::count_mount(std::string_view mount, int change) {
  tables_.mounts_of_segments[segments_of(mount)] += static_cast<std::uint32_t>(change);
}

Result<void> DraftWork::check_mount(const UpstreamResource& resource) const {
  if (segments_of(resource.mount) > kMaxMountSegments)
    return refusal(resource.place, "upstream: mount has at most four segments");
  const NamedAt* taken = find_named(tables_.mounts, resource.mount);
  if (taken == nullptr) return ok();
  const Upstreams& upstreams = upstreams_ != nullptr ? *upstreams_ : *tables_.upstreams;
  const UpstreamResource& first = upstreams[taken->at]->resource;
  return refusal(resource.place, "upstream: mount " + quoted(resource.mount) + " is already there, " +
                                     (first.place.file != nullptr ? "at " + base::format_place(first.place)
                                                                  : "of " + quoted(first.name)));
}

Result<void> DraftWork::put_upstream(const UpstreamResource& resource) {
  CLV_TRY_VOID(check_mount(resource));
  const NamedAt* known = find_named(tables_.upstream_names, resource.name);
  const UpstreamIndex index = known != nullptr ? known->at : place_upstream();
  if (known == nullptr) tables_.upstream_names.insert({.name = resource.name, .at = index});
  tables_.mounts.insert({.name = resource.mount, .at = index});
  count_mount(resource.mount, 1);
  edit_upstream(index).resource = resource;
  return ok();
}

UpstreamIndex DraftWork::place_upstream() {
  if (!tables_.free_upstreams.empty()) {
    const UpstreamIndex index = tables_.free_upstreams.back();
    tables_.free_upstreams.pop_back();
    return index;
  }
  tables_.upstream_grants.push_back(0);
  return static_cast<UpstreamIndex>(tables_.upstream_grants.size() - 1);
}

// The draft's own copy, which is the next snapshot's object.
Upstream& DraftWork::edit_upstream(UpstreamIndex index) {
  if (upstreams_ == nullptr) upstreams_ = std::make_shared<Upstreams>(*tables_.upstreams);
  std::shared_ptr<Upstream>& ours = edited_[index];
  if (ours != nullptr) return *ours;
  if (index >= upstreams_->size()) upstreams_->resize(index + 1);
  const std::shared_ptr<const Upstream>& before = (*upstreams_)[index];
  ours = before == nullptr ? std::make_shared<Upstream>() : std::make_shared<Upstream>(*before);
  (*upstreams_)[index] = ours;
  return *ours;
}

Result<void> DraftWork::put_credential(const CredentialResource& resource) {
  const UpstreamIndex upstream = CLV_TRY(find_upstream(resource.upstream, "credential", resource.place));
  NamedCredential* known = edit_named(tables_.credentials, resource.name);
  if (known == nullptr) {
    const std::uint64_t sequence = tables_.next_sequence++;
    tables_.credentials.insert({.name = resource.name, .upstream = upstream, .sequence = sequence});
    add_credential(resource, upstream, sequence);
    return ok();
  }
  remove_credential(*known);
  known->upstream = upstream;
  add_credential(resource, upstream, known->sequence);
  return ok();
}

void DraftWork::remove_credential(const NamedCredential& credential) {
  std::erase_if(edit_upstream(credential.upstream).credentials,
                [&](const CredentialResource& other) { return other.name == credential.name; });
}

void DraftWork::add_credential(const CredentialResource& resource, UpstreamIndex upstream,
                               std::uint64_t sequence) {
  std::vector<CredentialResource>& pool = edit_upstream(upstream).credentials;
  auto at = pool.end();
  while (at != pool.begin() && find_named(tables_.credentials, std::prev(at)->name)->sequence > sequence)
    --at;
  pool.insert(at, resource);
}

// Of each upstream that changed, since it may have lost what its credentials relied on.
Result<void> DraftWork::check_auths() {
  for (const auto& [index, upstream] : edited_) {
    for (const CredentialResource& credential : upstream->credentials) {
      if (has_auth(*upstream, credential)) continue;
      CLV_TRY_VOID(complain(
          Kind::kCredential, credential.name,
          refusal(
              credential.place,
              "credential: neither it nor its upstream says how it is sent; add auth: { kind: bearer }")));
    }
  }
  return ok();
}

void DraftWork::free_upstreams() {
  for (const Going& going : going_upstreams_) {
    edit_upstream(going.at);
    (*upstreams_)[going.at] = nullptr;
    tables_.free_upstreams.push_back(going.at);
  }
}

}  // namespace claviger::policy
