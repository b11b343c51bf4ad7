// SPDX-License-Identifier: Apache-2.0
#pragma once

// Applies what a Draft was told to the tables of a snapshot. Internal to policy.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/draft_queue.h"
#include "policy/snapshot_tables.h"

namespace claviger::policy {

// A resource that cannot be in the next snapshot.
struct Complaint {
  Kind kind;
  std::string name;
  Error error;
};

// Kinds come in an order in which each finds what it refers to: what goes gives up its name and mount first; then
// upstreams, principals, credentials, API keys and grants are put; then what goes must not be needed by
// anything that stayed.
class DraftWork {
 public:
  // With `complaints` it goes on after each error, which leaves out what the error is about; the tables are of no use
  // then, but to see what else is wrong. Without, the first error is the answer.
  DraftWork(SnapshotTables before, const DraftQueues& queues, std::vector<Complaint>* complaints)
      : tables_(std::move(before)), queues_(queues), complaints_(complaints) {}

  Result<void> apply();
  // Requires: apply() has been called, and nothing was wrong.
  std::shared_ptr<const SnapshotTables> take() &&;

 private:
  struct Going {
    std::uint32_t at;
    std::string name;
  };

  template <class R>
  Result<void> put_all(Result<void> (DraftWork::*put)(const R&));
  // Ok when errors are collected.
  Result<void> complain(Kind kind, std::string_view name, Error error);

  // draft_upstreams.cc
  void clear_upstreams();
  void clear_credentials();
  Result<void> put_upstream(const UpstreamResource& resource);
  Result<void> put_credential(const CredentialResource& resource);
  Result<void> check_mount(const UpstreamResource& resource) const;
  Result<void> check_auths();
  void count_mount(std::string_view mount, int change);
  UpstreamIndex place_upstream();
  Upstream& edit_upstream(UpstreamIndex index);
  void remove_credential(const NamedCredential& credential);
  void add_credential(const CredentialResource& resource, UpstreamIndex upstream, std::uint64_t sequence);
  void free_upstreams();

  // draft_principals.cc
  void clear_principals();
  void clear_keys();
  Result<void> put_principal(const PrincipalResource& resource);
  Result<void> put_key(const ApiKeyResource& resource);
  PrincipalIndex place_principal();
  Result<void> check_certificates(const PrincipalResource& resource) const;
  std::uint32_t use_role(std::string_view name);
  void release_role(std::string_view name);
  void free_principals();

  // draft_grants.cc
  void clear_grants();
  Result<void> put_grant(const GrantResource& resource);
  void remove_grant(const PlacedGrant& grant);
  void add_grant(SharedGrant grant);

  // draft_references.cc
  Result<std::uint32_t> find_upstream(std::string_view name, std::string_view from,
                                      const base::Place& place) const;
  Result<std::uint32_t> find_principal(std::string_view name, std::string_view from,
                                       const base::Place& place) const;
  Error missing(std::string_view what, const HashShards<NamedAt>& names, std::string_view name,
                std::string_view from, const base::Place& place) const;
  Result<void> check_going();
  Result<void> check_going_principals();
  Result<void> check_going_upstreams();
  Result<void> still_needed(Kind kind, const Going& going, Kind by, std::string_view by_name);

  SnapshotTables tables_;
  const DraftQueues& queues_;
  std::vector<Complaint>* complaints_;

  std::shared_ptr<Upstreams> upstreams_;  // null while none is changed
  std::map<UpstreamIndex, std::shared_ptr<Upstream>> edited_;  // in *upstreams_, and still ours
  std::vector<Going> going_upstreams_;
  std::vector<Going> going_principals_;
};

// kInvalid, in a file: "<place>: <what>".
Error refusal(const base::Place& place, std::string_view what);
std::string quoted(std::string_view text);

}  // namespace claviger::policy
