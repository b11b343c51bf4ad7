// SPDX-License-Identifier: Apache-2.0
#include "vault/reference.h"

#include <algorithm>
#include <array>
#include <utility>

#include "vault/source.h"

namespace claviger::vault {
namespace {

constexpr std::size_t kMostPlace = 1024;
constexpr std::size_t kMostPart = 256;
constexpr std::array<std::pair<std::string_view, SourceKind>, 4> kForms = {{
    {"env:", SourceKind::kEnvironment},
    {"file:", SourceKind::kFile},
    {"vault:", SourceKind::kVault},
    {"aws-sm:", SourceKind::kAwsSecret},
}};

Error unknown_form() {
  return {Code::kInvalid, Blame::kOperator,
          "from: a secret's source is env:NAME, file:PATH, vault:MOUNT/PATH#FIELD or aws-sm:NAME[#KEY]"};
}

bool is_alnum(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// What goes into a URL's path as it is, and is no way out of it.
bool is_vault_path(std::string_view path) noexcept {
  std::size_t segments = 0;
  while (true) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    const bool is_plain = std::ranges::all_of(
        segment, [](char c) { return is_alnum(c) || std::string_view("-._~@+=:,!").contains(c); });
    if (segment.empty() || segment == "." || segment == ".." || !is_plain) return false;
    ++segments;
    if (end == path.size()) return segments >= 2;
    path.remove_prefix(end + 1);
  }
}

// What AWS takes for a name; an ARN is one, too.
bool is_aws_name(std::string_view name) noexcept {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return is_alnum(c) || std::string_view("/_+=.@-:").contains(c);
  });
}

bool is_part(std::string_view part) noexcept {
  return !part.empty() && part.size() <= kMostPart &&
         std::ranges::none_of(part, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// "PLACE#PART" in two; false when there is a '#' and nothing behind it.
bool split(std::string_view text, SecretReference& out) {
  const std::size_t mark = text.find('#');
  out.place = text.substr(0, mark);
  if (mark == std::string_view::npos) return true;
  out.part = text.substr(mark + 1);
  return is_part(out.part);
}

}  // namespace

std::string_view source_name(SourceKind kind) noexcept {
  const std::string_view form = kForms[static_cast<std::size_t>(kind)].first;
  return form.substr(0, form.size() - 1);
}

Result<SecretReference> SecretReference::parse(std::string_view from) {
  const auto* const form =
      std::ranges::find_if(kForms, [&](const auto& each) { return from.starts_with(each.first); });
  if (form == kForms.end() || from.size() > kMostPlace + kMostPart) return unknown_form();
  const std::string_view rest = from.substr(form->first.size());
  SecretReference reference{.kind = form->second, .place = {}, .part = {}};
  switch (form->second) {
    case SourceKind::kEnvironment:
    case SourceKind::kFile:
      CLV_TRY_VOID(SecretSources::check(from));
      reference.place = rest;
      return reference;
    case SourceKind::kVault:
      if (split(rest, reference) && !reference.part.empty() && is_vault_path(reference.place))
        return reference;
      break;
    case SourceKind::kAwsSecret:
      if (split(rest, reference) && is_aws_name(reference.place)) return reference;
      break;
  }
  return unknown_form();
}

}  // namespace claviger::vault
