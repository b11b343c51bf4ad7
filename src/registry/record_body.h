// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a record's body says: {"spec":{...},"status":{...}}. The spec is the resource as it was written, without kind and
// name; the status is what was done to it since, and no document that is applied can change it: an apply from
// a repository does not enable a principal again that somebody disabled in an emergency.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/document.h"
#include "base/result.h"
#include "gateway/credential_report.h"
#include "policy/resources.h"
#include "registry/registry.h"
#include "store/store.h"

namespace claviger::registry {

struct Status {
  bool disabled = false;  // principal, credential
  bool revoked = false;  // api_key, credential
  bool unbound = false;  // credential: its destination changed, and the secret was dropped
  bool external = false;  // credential: it says `from`, and its secret lies elsewhere
  std::uint32_t version = 0;  // credential: of the secret; 0: there was none yet
  std::string bound_to;  // credential: digest of the destination that the secret was sealed for
  std::string set_at;  // credential: when
  std::string revoked_at;
  std::string rotation_required;  // credential: since when it needs another secret, after an incident
  std::string rotation_reason;
  bool rotation_disabled = false;  // credential: disabled until it has one
  friend bool operator==(const Status&, const Status&) = default;
};

struct Body {
  std::string spec;  // canonical JSON: names sorted
  Status status;
};

// The spec of a document: without what is kept elsewhere (kind, name, status, revision, updated_at).
std::string write_spec(const base::Document& document);
std::string write_body(const Body& body);
// kInternal when it is not of the form that write_body() gives.
Result<Body> read_body(std::string_view text);

// The resource that a record stands for, and its status, in one go. kInternal when it cannot be read: the gateway wrote it,
// so it can.
struct Loaded {
  policy::Resource resource;
  Status status;
};
Result<Loaded> load_record(const store::Record& record);
// Puts what the status says into the resource that was read from a spec.
void apply_status(const Status& status, policy::Resource& resource);
policy::CredentialState credential_state(const Status& status) noexcept;

// A string, as a document that was read would have it.
base::Document text_node(std::string_view text);
// "grant 'ci:openai'": what a resource is called in messages.
std::string label_of(policy::Kind kind, std::string_view name);
// Puts the label in the place of each node, so that whatever is wrong with the document is said of the resource.
void label_places(base::Document& document, const std::string& label);

// The body for people to read: an API key's hash is left out.
std::string shown_body(policy::Kind kind, const Body& body);
// A document that leaves an API key's hash out keeps the one that is there: what GET shows can be PUT back.
Result<base::Document> with_hash_of(const Body& before, base::Document document);

// Of a credential, `report` has what the record does not know (it may be null).
ResourceView make_view(const store::Record& record, const Body& body,
                       const gateway::CredentialReport* report = nullptr);
// Of a record that was tampered with: nothing of what it says is shown.
ResourceView make_faulty_view(std::string_view kind, std::string_view name, std::string_view what);

}  // namespace claviger::registry
