// SPDX-License-Identifier: Apache-2.0
#include "cli/document_fields.h"

namespace claviger::cli {

const base::Document* member(const base::Document& node, std::string_view name) noexcept {
  for (const auto& [key, value] : node.entries)
    if (key == name) return &value;
  return nullptr;
}

std::string_view text_member(const base::Document& node, std::string_view name) noexcept {
  const base::Document* found = member(node, name);
  return found != nullptr && found->type == base::Document::Type::kScalar ? std::string_view(found->scalar)
                                                                          : std::string_view();
}

}  // namespace claviger::cli
