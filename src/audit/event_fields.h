// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace claviger::audit {

// What a search looks at in an event: some of the members of the object that a line of the log is, and what they say of it.
// A line belongs to whoever may have written to the log's files, so it is taken for what it is, whatever its values hold.

enum class Field : std::uint8_t {
  kTime,
  kType,
  kKind,
  kName,
  kActor,
  kKeyId,
  kStatus,  // a number; all others are strings
  kAddress,
  kTraceId,
  kUpstream,
  kDecision,
  kPrincipal,
  kRequestId,
  kCredential,
};
inline constexpr std::size_t kFieldCount = 14;

// Views of the line: strings without their quotes, with their escapes. Empty: not there.
class EventFields {
 public:
  std::string_view operator[](Field field) const noexcept { return values_[static_cast<std::size_t>(field)]; }
  std::string_view& at(Field field) noexcept { return values_[static_cast<std::size_t>(field)]; }

 private:
  std::array<std::string_view, kFieldCount> values_{};
};

// False when the line is no object as the log's events are: written without white space, each of the fields above at
// most once, with a time as the gateway writes them. Members of inner objects are passed over, and so is everything else
// that a value may hold. What inner values are made of is not gone through, as a JSON parser would. A field of another
// kind than it should be is left empty.
bool scan_fields(std::string_view line, EventFields& into) noexcept;

// What can be searched for. An event may have several of one: `principal` is who did it and to whom it was done.
enum class Term : std::uint8_t {
  kType,
  kPrincipal,  // of a call; the actor of a change; the principal that was changed
  kUpstream,  // of a call; the one that was changed
  kCredential,  // the same
  kKeyId,  // that was presented; the one that was changed
  kRequestId,
  kTraceId,
  kAddress,
  kDecision,
  kStatus,
};
inline constexpr std::size_t kTermCount = 10;
// As the API and the index call it: "key_id".
constexpr std::string_view term_name(Term term) noexcept {
  constexpr std::array<std::string_view, kTermCount> kTerms = {
      "type",       "principal", "upstream", "credential", "key_id",
      "request_id", "trace_id",  "address",  "decision",   "status"};
  return kTerms[static_cast<std::size_t>(term)];
}

// Calls `each(term, value)` for everything that is to be found of an event.
template <class Each>
void for_each_term(const EventFields& fields, Each&& each) {
  constexpr std::array<std::pair<Term, Field>, 11> kMembers = {{{Term::kType, Field::kType},
                                                                {Term::kPrincipal, Field::kPrincipal},
                                                                {Term::kPrincipal, Field::kActor},
                                                                {Term::kUpstream, Field::kUpstream},
                                                                {Term::kCredential, Field::kCredential},
                                                                {Term::kKeyId, Field::kKeyId},
                                                                {Term::kRequestId, Field::kRequestId},
                                                                {Term::kTraceId, Field::kTraceId},
                                                                {Term::kAddress, Field::kAddress},
                                                                {Term::kDecision, Field::kDecision},
                                                                {Term::kStatus, Field::kStatus}}};
  constexpr std::array<std::pair<Term, std::string_view>, 4> kKinds = {{{Term::kPrincipal, "principal"},
                                                                        {Term::kUpstream, "upstream"},
                                                                        {Term::kCredential, "credential"},
                                                                        {Term::kKeyId, "api_key"}}};
  for (const auto& [term, field] : kMembers)
    if (!fields[field].empty()) each(term, fields[field]);
  if (fields[Field::kName].empty()) return;
  for (const auto& [term, kind] : kKinds)
    if (fields[Field::kKind] == kind) each(term, fields[Field::kName]);
}

}  // namespace claviger::audit
