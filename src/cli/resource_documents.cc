// SPDX-License-Identifier: Apache-2.0
#include "cli/resource_documents.h"

#include <algorithm>
#include <filesystem>

#include "base/json.h"
#include "base/parse.h"
#include "cli/document_fields.h"
#include "cli/input.h"
#include "cli/resource_table.h"
#include "gateway/world.h"
#include "policy/resources.h"
#include "server/yaml.h"

namespace claviger::cli {
namespace {

namespace fs = std::filesystem;
using base::Document;

bool is_resource_file(const std::string& name) noexcept {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

Result<std::vector<std::string>> files_of(const std::string& path) {
  std::error_code reason;
  if (path == "-" || !fs::is_directory(path, reason)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  fs::directory_iterator entry(path, reason);
  for (; !reason && entry != fs::directory_iterator(); entry.increment(reason))
    if (is_resource_file(entry->path().filename().string())) files.push_back(entry->path().string());
  if (reason) return Error::from_errno(Code::kInvalid, Blame::kOperator, path, reason.value());
  if (files.empty())
    return Error::formatted(Code::kInvalid, Blame::kOperator, path + ": no *.yaml file in this directory");
  std::ranges::sort(files);
  return files;
}

Result<void> read_file(const std::string& path, std::vector<Document>& out) {
  const std::string text = CLV_TRY(read_input(path, server::kMaxYamlSize));
  for (Document& document : CLV_TRY(server::read_yaml(text, path == "-" ? "<stdin>" : path))) {
    if (document.type == Document::Type::kNull) continue;  // between two `---`
    std::erase_if(document.entries, [](const auto& entry) { return is_added_by_gateway(entry.first); });
    out.push_back(std::move(document));
  }
  return ok();
}

// What depends on files of the machine that the gateway runs on.
bool names_ca_file(const Document& document) {
  const Document* tls = member(document, "tls");
  return tls != nullptr && member(*tls, "ca") != nullptr;
}

}  // namespace

Result<std::vector<Document>> read_documents(const std::vector<std::string>& paths) {
  std::vector<Document> documents;
  for (const std::string& path : paths)
    for (const std::string& file : CLV_TRY(files_of(path))) CLV_TRY_VOID(read_file(file, documents));
  if (documents.empty())
    return Error(Code::kInvalid, Blame::kOperator, "there is no resource in what -f names");
  return documents;
}

Result<void> check_document(const Document& document) {
  const std::string_view kind = text_member(document, "kind");
  if (const Document* from = member(document, "from"); kind == "credential" && from != nullptr) {
    return base::invalid_at(
        from->place,
        "`from` is for gateways without a store; take it out, apply, and then run: claviger "
        "credential set " +
            base::printable_name(text_member(document, "name")));
  }
  // As `get` shows it: the hash stays with the gateway.
  if (kind == "api_key" && member(document, "hash") == nullptr) return ok();
  const policy::Resource resource = CLV_TRY(policy::read_resource(document));
  if (names_ca_file(document)) return ok();
  return gateway::check_resource(resource);
}

Result<std::string> apply_body(const std::vector<Document>& documents) {
  if (documents.size() > kMaxApplied)
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            "these are " + std::to_string(documents.size()) +
                                " resources; one apply takes 10,000 at most, so apply the files in parts");
  std::string body = R"({"resources":[)";
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (i > 0) body += ',';
    base::append_json(body, documents[i]);
  }
  body += "]}";
  if (body.size() > kMaxApplyBody)
    return Error(Code::kInvalid, Blame::kOperator,
                 "these resources are over 16 MiB; apply the files in parts");
  return body;
}

std::string locate_refusal(std::string_view detail, const std::vector<Document>& documents) {
  const auto at = [&](std::uint64_t number, std::string_view what) {
    // The line within the request says nothing to whoever wrote files.
    if (what.starts_with("line 1: ")) what.remove_prefix(8);
    return base::format_place(documents[number - 1].place) + ": " + std::string(what);
  };
  const std::size_t colon = detail.find(": ");
  if (detail.starts_with('#') && colon != std::string_view::npos) {
    const auto number = base::parse_decimal(detail.substr(1, colon - 1), documents.size());
    if (number.has_value() && *number > 0) return at(*number, detail.substr(colon + 2));
  } else if (documents.size() == 1 && !detail.empty()) {
    return at(1, detail);
  }
  return std::string(detail);
}

}  // namespace claviger::cli
