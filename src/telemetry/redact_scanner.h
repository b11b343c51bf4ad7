// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "telemetry/redact_rules.h"

namespace claviger::telemetry {

inline constexpr std::string_view kRedacted = "[redacted]";
inline constexpr std::string_view kCut = "[cut]";

// Finds what redact() replaces, left to right. What counts as a credential is in redact_rules.h; this is
// about where one begins and how far it reaches.
//
// A value that is not quoted ends at the same characters, whichever rule found it. So no two rules
// disagree about where a secret ends, what is left behind a "[redacted]" begins where each of them would
// stop, and redacting twice is redacting once.
//
// Time is linear in the text: looking ahead is bounded, remembered, or part of a find, behind which the
// scan goes on. Allocates nothing.
class RedactScanner {
 public:
  struct Span {
    std::size_t begin;
    std::size_t end;  // over begin
  };

  // What `text` views outlives the scanner.
  explicit RedactScanner(std::string_view text) noexcept : text_(text) {}

  // The next stretch to be replaced; none when there is no more, or only what was redacted before.
  std::optional<Span> next() noexcept;

 private:
  struct Quote {
    char mark;
    std::size_t slashes;  // backslashes before it: JSON within JSON
    std::size_t end;      // behind it
  };

  // The rules, each for a credential that shows itself at `at`.
  std::optional<Span> span_at(std::size_t at) noexcept;
  std::optional<Span> named_value(std::size_t name) noexcept;
  std::optional<Span> scheme_and_token(std::size_t at) noexcept;
  std::optional<std::size_t> user_info_end(std::size_t colon) const noexcept;
  std::optional<std::size_t> pem_end(std::size_t at) const noexcept;
  std::optional<std::size_t> shape_within(std::size_t from, std::size_t to) const noexcept;

  // How far values reach.
  Span value_of(NameKind kind, std::size_t name, std::size_t value, bool is_member,
                bool is_quoted_name) noexcept;
  std::optional<Span> secret_part(Span value) const noexcept;
  std::size_t word_end(std::size_t from) noexcept;
  std::size_t bare_end(std::size_t from) noexcept;
  std::size_t reach_beyond(std::size_t from, std::size_t end) const noexcept;
  std::size_t line_end(std::size_t from) const noexcept;
  std::size_t header_end(std::size_t name, std::size_t value) const noexcept;
  std::size_t closing_quote(std::size_t from, const Quote& quote) const noexcept;

  // What stands where.
  std::optional<Quote> quote_at(std::size_t at) const noexcept;
  std::optional<Quote> quote_before(std::size_t at) const noexcept;
  std::size_t skip_separator(std::size_t at) const noexcept;
  std::size_t skip_blanks(std::size_t at) const noexcept;
  bool is_boundary(std::size_t at) const noexcept;
  bool is_parameter(std::size_t name, std::size_t value) noexcept;

  std::string_view part(std::size_t begin, std::size_t end) const noexcept {
    return text_.substr(begin, end - begin);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t name_end_ = 0;    // of the run of name characters that was looked at last
  std::size_t word_begin_ = 0;  // word_end() was asked last from here
  std::size_t word_end_ = 0;    // and this was the answer
};

}  // namespace claviger::telemetry
