// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which fields a record of each type has, in the order in which its text has them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "doors/externaldns/record_text.h"
#include "doors/externaldns/record_type.h"

namespace claviger::doors::externaldns {

// A number that the server has a word for.
struct Word {
  unsigned number;
  std::string_view word;
};

struct FieldKind {
  enum class Is : std::uint8_t {
    kAddress4,
    kAddress6,
    kName,
    kNumber,
    kWord,
    kHex,
    kQuoted,
    kTag,
    kUri,
    kParameters
  } is;
  bool ends_in_dot = false;         // kName, in the text
  bool may_be_root = false;         // kName
  unsigned most = 0;                // kNumber
  std::span<const Word> words = {};  // kWord
};

struct RecordField {
  FieldKind kind;
  std::string_view form;  // the server's name of it, in calls
  std::string_view json;  // and in `rData`
};

struct RecordShape {
  std::string_view name;
  bool has_one_value;
  std::span<const RecordField> fields;  // none: TXT
};
const RecordShape& shape_of(RecordType type) noexcept;

// A field's value has one form between all others: as it stands in the canonical text, without quotes. These make it
Result<std::string> field_of_text(const FieldKind& kind, const Token& token);
Result<std::string> field_of_json(const FieldKind& kind, std::string_view value);
// and take it on.
void append_field_text(std::string& out, const FieldKind& kind, std::string_view value);
std::string form_of_field(const FieldKind& kind, std::string_view value);

// The parameters of SVCB and HTTPS: "alpn=h2,h3 port=443", keys in the order of their numbers.
Result<std::string> parameters_of_text(std::span<const Token> tokens);
Result<std::string> parameters_of_json(const RData& rdata);
// "alpn|h2,h3|port|443"; "false" where there are none.
Result<std::string> form_of_parameters(std::string_view text);
// The same of the server's own, as it wrote them.
std::string form_of_parameters_as_they_are(const RData& rdata);

}  // namespace claviger::doors::externaldns
