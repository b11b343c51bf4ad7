// SPDX-License-Identifier: Apache-2.0
#include "policy/testing/documents.h"

namespace claviger::policy::testing {
namespace {

// Gives `document` and whatever is in it a place.
void place(base::Document& document, const std::shared_ptr<const std::string>& file, std::uint32_t line) {
  document.place = {.file = file, .line = line};
  for (base::Document& item : document.items) place(item, file, line);
  for (auto& [key, value] : document.entries) place(value, file, line);
}

}  // namespace

base::Document text(std::string scalar) {
  base::Document document;
  document.type = base::Document::Type::kScalar;
  document.scalar = std::move(scalar);
  return document;
}

base::Document list(std::vector<std::string> scalars) {
  base::Document document;
  document.type = base::Document::Type::kList;
  for (std::string& scalar : scalars) document.items.push_back(text(std::move(scalar)));
  return document;
}

base::Document map(Entries entries, std::uint32_t line) {
  static const auto file = std::make_shared<const std::string>("test.yaml");
  base::Document document;
  document.type = base::Document::Type::kMap;
  document.place = {.file = file, .line = line};
  for (auto& [key, value] : entries) {
    place(value, file, line++);
    document.entries.emplace_back(key, std::move(value));
  }
  return document;
}

}  // namespace claviger::policy::testing
