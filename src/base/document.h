// SPDX-License-Identifier: Apache-2.0
#pragma once

// A configuration or resource as it was written, before anybody asked what it means: scalars, lists and
// maps, each with the file and line it stands on. YAML files become this (server/yaml.h), and so can
// JSON. ObjectReader reads a map strictly: what it was not asked for is an error, so that a misspelt key
// never passes silently.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace claviger::base {

// Where a node stands. `file` is shared by all nodes of a file.
struct Place {
  std::shared_ptr<const std::string> file;
  std::uint32_t line = 0;  // counted from 1; 0 where unknown
};

// "grants.yaml:12"; "line 12" without a file; empty where neither is known.
std::string format_place(const Place& place);

// A field's name as it may stand in a message, where it comes from outside: cut to 64 bytes, printable ASCII.
std::string printable_name(std::string_view name);

struct DocumentEntry;

struct Document {
  enum class Type : std::uint8_t { kNull, kScalar, kList, kMap };
  Type type = Type::kNull;
  Place place;
  std::string scalar;  // text as written, unquoted
  bool quoted = false;  // a quoted scalar is a string, never a number or boolean
  std::vector<Document> items;  // kList
  std::vector<DocumentEntry> entries;  // kMap, in order; names are unique
};

// A pair<string, Document>, but one that may be incomplete above:
//   for (const auto& [name, value] : map.entries)
struct DocumentEntry {
  std::string first;
  Document second;
};

// kInvalid, blame operator, "<place>: <what>"; `what` alone where the place is unknown.
Error invalid_at(const Place& place, std::string_view what);

// Reads a map field by field. Every accessor marks its field as known; finish() refuses the rest by
// name, with the nearest known name when one is close ("unknown key 'metods'; did you mean 'methods'?").
//
//   ObjectReader r = CLV_TRY(ObjectReader::of(node, "grant"));
//   auto principal = CLV_TRY(r.required_string("principal"));
//   ...
//   CLV_TRY_VOID(r.finish());
class ObjectReader {
 public:
  // `what` names the thing in messages ("grant", "gateway.tls"). kInvalid when `node` is no map.
  static Result<ObjectReader> of(const Document& node, std::string what);

  // The field's node, or nullptr when absent or null.
  const Document* find(std::string_view key);
  Result<const Document*> required(std::string_view key);

  Result<std::string> required_string(std::string_view key);
  Result<std::optional<std::string>> optional_string(std::string_view key);
  Result<bool> boolean_or(std::string_view key, bool fallback);
  Result<std::uint64_t> number_or(std::string_view key, std::uint64_t fallback, std::uint64_t min,
                                  std::uint64_t max);
  Result<std::vector<std::string>> strings_or_empty(std::string_view key);

  const Place& place() const noexcept { return node_->place; }
  // Refuses whatever was not asked for.
  Result<void> finish() const;

 private:
  ObjectReader(const Document* node, std::string what) : node_(node), what_(std::move(what)) {}

  const Document* node_;  // outlives the reader
  std::string what_;
  std::vector<std::string> known_;
};

// Scalar readers for use with find(): kInvalid at the node's place when it is of another type.
Result<std::string> read_string(const Document& node, std::string_view what);
Result<bool> read_boolean(const Document& node, std::string_view what);
Result<std::uint64_t> read_number(const Document& node, std::string_view what, std::uint64_t min,
                                  std::uint64_t max);

}  // namespace claviger::base
