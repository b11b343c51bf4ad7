// SPDX-License-Identifier: Apache-2.0
#include "registry/record_body.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/parse.h"

namespace claviger::registry {
namespace {

using base::Document;

constexpr std::array<std::string_view, 5> kKeptElsewhere = {"kind", "name", "status", "revision",
                                                            "updated_at"};

bool is_kept_elsewhere(std::string_view name) noexcept {
  return std::ranges::find(kKeptElsewhere, name) != kKeptElsewhere.end();
}

// Names in one order, so that the same resource is the same text however it was written.
void sort_names(Document& node) {
  for (Document& item : node.items) sort_names(item);
  for (base::DocumentEntry& entry : node.entries) sort_names(entry.second);
  std::ranges::sort(node.entries, {}, &base::DocumentEntry::first);
}

Error not_ours() {
  return Error(Code::kInternal, Blame::kGateway,
               "a record's body is not of the form that this gateway writes");
}

void add_flag(std::string& out, std::string_view name, bool value) {
  if (!value) return;
  out += out.size() > 1 ? ",\"" : "\"";
  out.append(name).append("\":true");
}

void add_text(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += out.size() > 1 ? ",\"" : "\"";
  out.append(name).append("\":");
  base::append_json_string(out, value);
}

std::string write_status(const Status& status) {
  std::string out = "{";
  add_flag(out, "disabled", status.disabled);
  add_flag(out, "revoked", status.revoked);
  add_flag(out, "unbound", status.unbound);
  add_flag(out, "external", status.external);
  if (status.version > 0) {
    if (out.size() > 1) out += ',';
    out += "\"version\":" + std::to_string(status.version);
  }
  add_text(out, "bound_to", status.bound_to);
  add_text(out, "set_at", status.set_at);
  add_text(out, "revoked_at", status.revoked_at);
  add_text(out, "rotation_required", status.rotation_required);
  add_text(out, "rotation_reason", status.rotation_reason);
  add_flag(out, "rotation_disabled", status.rotation_disabled);
  return out + "}";
}

Result<Status> read_status(const Document& node) {
  Status status;
  auto reader = CLV_TRY(base::ObjectReader::of(node, "status"));
  status.disabled = CLV_TRY(reader.boolean_or("disabled", false));
  status.revoked = CLV_TRY(reader.boolean_or("revoked", false));
  status.unbound = CLV_TRY(reader.boolean_or("unbound", false));
  status.external = CLV_TRY(reader.boolean_or("external", false));
  status.version = static_cast<std::uint32_t>(CLV_TRY(reader.number_or("version", 0, 0, UINT32_MAX)));
  status.bound_to = CLV_TRY(reader.optional_string("bound_to")).value_or("");
  status.set_at = CLV_TRY(reader.optional_string("set_at")).value_or("");
  status.revoked_at = CLV_TRY(reader.optional_string("revoked_at")).value_or("");
  status.rotation_required = CLV_TRY(reader.optional_string("rotation_required")).value_or("");
  status.rotation_reason = CLV_TRY(reader.optional_string("rotation_reason")).value_or("");
  status.rotation_disabled = CLV_TRY(reader.boolean_or("rotation_disabled", false));
  CLV_TRY_VOID(reader.finish());
  return status;
}

void add_time(std::string& out, std::string_view name, WallTime time) {
  if (time != WallTime()) add_text(out, name, base::format_rfc3339(time));
}

void add_report(std::string& out, const gateway::CredentialReport& report) {
  add_text(out, "reason", report.reason);
  add_time(out, "since", report.since);
  if (report.age) out += ",\"age_days\":" + std::to_string(*report.age / std::chrono::days(1));
  add_time(out, "rotate_by", report.rotate_by.value_or(WallTime()));
  add_text(out, "rotation", gateway::rotation_name(report.rotation));
  add_time(out, "good_until", report.expires.value_or(WallTime()));
  add_time(out, "last_used", report.last_used);
  if (report.warnings.empty()) return;
  out += ",\"warnings\":[";
  for (const std::string& warning : report.warnings) {
    if (&warning != &report.warnings.front()) out += ',';
    base::append_json_string(out, warning);
  }
  out += ']';
}

std::string shown_status(policy::Kind kind, const Status& status, const gateway::CredentialReport* report) {
  std::string out = "{";
  switch (kind) {
    case policy::Kind::kCredential:
      add_text(out, "state",
               policy::state_name(report != nullptr ? report->state : credential_state(status)));
      out += ",\"version\":" + std::to_string(status.version);
      add_text(out, "set_at", status.set_at);
      add_text(out, "revoked_at", status.revoked_at);
      add_text(out, "rotation_required", status.rotation_required);
      add_text(out, "rotation_reason", status.rotation_reason);
      if (report != nullptr) add_report(out, *report);
      break;
    case policy::Kind::kPrincipal:
      out += std::string("\"disabled\":") + (status.disabled ? "true" : "false");
      break;
    case policy::Kind::kApiKey:
      out += std::string("\"revoked\":") + (status.revoked ? "true" : "false");
      add_text(out, "revoked_at", status.revoked_at);
      break;
    case policy::Kind::kUpstream:
    case policy::Kind::kGrant:
      break;
  }
  return out + "}";
}

void set_place(Document& node, const base::Place& place) {
  node.place = place;
  for (Document& item : node.items) set_place(item, place);
  for (base::DocumentEntry& entry : node.entries) set_place(entry.second, place);
}

constexpr std::string_view kHash = "hash";

// Without the hash, which is of use to nobody but the gateway.
std::string shown_spec(policy::Kind kind, const std::string& spec) {
  if (kind != policy::Kind::kApiKey) return spec;
  auto document = base::parse_json(spec, "spec");
  if (!document.has_value()) return "{}";
  std::erase_if(document->entries, [](const auto& entry) { return entry.first == kHash; });
  std::string out;
  base::append_json(out, *document);
  return out;
}

}  // namespace

Document text_node(std::string_view text) {
  Document node;
  node.type = Document::Type::kScalar;
  node.scalar = text;
  node.quoted = true;
  return node;
}

std::string label_of(policy::Kind kind, std::string_view name) {
  return std::string(policy::kind_name(kind)) + " '" + std::string(name) + "'";
}

void label_places(Document& document, const std::string& label) {
  set_place(document, {std::make_shared<const std::string>(label), 0});
}

std::string shown_body(policy::Kind kind, const Body& body) {
  return write_body({shown_spec(kind, body.spec), body.status});
}

Result<Document> with_hash_of(const Body& before, Document document) {
  const bool has_one =
      std::ranges::any_of(document.entries, [](const auto& entry) { return entry.first == kHash; });
  if (has_one) return document;
  const Document spec = CLV_TRY(base::parse_json(before.spec, "spec"));
  for (const base::DocumentEntry& entry : spec.entries)
    if (entry.first == kHash) document.entries.push_back(entry);
  return document;
}

std::string write_spec(const Document& document) {
  Document spec = document;
  std::erase_if(spec.entries, [](const auto& entry) { return is_kept_elsewhere(entry.first); });
  sort_names(spec);
  std::string out;
  base::append_json(out, spec);
  return out;
}

std::string write_body(const Body& body) {
  return "{\"spec\":" + body.spec + ",\"status\":" + write_status(body.status) + "}";
}

Result<Body> read_body(std::string_view text) {
  const auto document = base::parse_json(text, "record");
  if (!document.has_value()) return not_ours();
  auto reader = base::ObjectReader::of(*document, "record");
  if (!reader.has_value()) return not_ours();
  const Document* spec = reader->find("spec");
  const Document* status = reader->find("status");
  if (spec == nullptr || status == nullptr || spec->type != Document::Type::kMap) return not_ours();
  auto known = read_status(*status);
  if (!known.has_value()) return not_ours();
  Body body{.spec = {}, .status = *std::move(known)};
  base::append_json(body.spec, *spec);
  return body;
}

Result<Loaded> load_record(const store::Record& record) {
  Document document = CLV_TRY(base::parse_json(record.body, "record"));
  set_place(document, {std::make_shared<const std::string>(record.kind + " '" + record.name + "'"), 0});
  auto reader = CLV_TRY(base::ObjectReader::of(document, "record"));
  const Document* status = reader.find("status");
  const Document* spec = reader.find("spec");
  if (spec == nullptr || status == nullptr || spec->type != Document::Type::kMap) return not_ours();
  Document resource = *spec;
  resource.entries.push_back({"kind", text_node(record.kind)});
  resource.entries.push_back({"name", text_node(record.name)});
  Loaded loaded{.resource = CLV_TRY(policy::read_resource(resource)),
                .status = CLV_TRY(read_status(*status))};
  apply_status(loaded.status, loaded.resource);
  if (auto* credential = std::get_if<policy::CredentialResource>(&loaded.resource))
    credential->id = record.id;
  return loaded;
}

policy::CredentialState credential_state(const Status& status) noexcept {
  using policy::CredentialState;
  if (status.revoked) return CredentialState::kRevoked;
  if (status.unbound) return CredentialState::kUnbound;
  if (status.version == 0 && !status.external) return CredentialState::kMissing;
  return status.disabled ? CredentialState::kDisabled : CredentialState::kActive;
}

namespace {

// As the gateway wrote it; 1970 for none.
WallTime time_of(const std::string& text) {
  if (text.empty()) return {};
  const auto time = base::parse_rfc3339(text);
  return time.has_value() ? *time : WallTime();
}

}  // namespace

void apply_status(const Status& status, policy::Resource& resource) {
  if (auto* principal = std::get_if<policy::PrincipalResource>(&resource))
    principal->disabled |= status.disabled;
  if (auto* key = std::get_if<policy::ApiKeyResource>(&resource)) key->revoked = status.revoked;
  if (auto* credential = std::get_if<policy::CredentialResource>(&resource)) {
    credential->state = credential_state(status);
    credential->version = status.version;
    credential->set_at = time_of(status.set_at);
    credential->rotation_required = time_of(status.rotation_required);
  }
}

ResourceView make_view(const store::Record& record, const Body& body,
                       const gateway::CredentialReport* report) {
  ResourceView view{.kind = record.kind, .name = record.name, .revision = record.revision, .json = {}};
  std::string& out = view.json;
  out = "{\"kind\":";
  base::append_json_string(out, record.kind);
  out += ",\"name\":";
  base::append_json_string(out, record.name);
  const auto kind = policy::parse_kind(record.kind);
  const std::string spec = kind ? shown_spec(*kind, body.spec) : body.spec;
  if (spec.size() > 2) out.append(",").append(spec, 1, spec.size() - 2);  // what stands between { and }
  if (kind) out += ",\"status\":" + shown_status(*kind, body.status, report);
  out += ",\"revision\":" + std::to_string(record.revision);
  out += ",\"updated_at\":\"" + base::format_rfc3339(record.updated_at) + "\"}";
  return view;
}

ResourceView make_faulty_view(std::string_view kind, std::string_view name, std::string_view what) {
  ResourceView view{.kind = std::string(kind), .name = std::string(name), .revision = 0, .json = {}};
  view.json = "{\"kind\":";
  base::append_json_string(view.json, kind);
  view.json += ",\"name\":";
  base::append_json_string(view.json, name);
  view.json += ",\"status\":{\"fault\":";
  base::append_json_string(view.json, what);
  view.json += "}}";
  return view;
}

}  // namespace claviger::registry
