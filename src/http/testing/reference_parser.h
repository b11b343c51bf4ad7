// SPDX-License-Identifier: Apache-2.0
#pragma once

// A second reading of the same rules: slow, on std::string, straight from the ABNF of RFC 9110 and 9112 and
// the list in http/parser.h. It shares no code with the parser, so that each can be held against the other.

#include <cstddef>
#include <cstdint>
#include <string>

#include "http/parser.h"
#include "http/testing/reference_grammar.h"

namespace claviger::http::testing {

enum class Verdict : std::uint8_t { kAccepted, kRefused, kIncomplete };

// A request that owns its text.
struct PlainRequest {
  std::string method;
  std::string target;
  std::string path;
  std::string query;
  bool has_query = false;
  int minor = 1;
  std::string host;
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expects_continue = false;
  grammar::PlainFields fields;
  std::string body;
  friend bool operator==(const PlainRequest&, const PlainRequest&) = default;
};

struct ReferenceHead {
  Verdict verdict = Verdict::kIncomplete;
  std::size_t size = 0;  // bytes of the head, when accepted
  PlainRequest request;
};
ReferenceHead reference_request_head(const std::string& input, const HeadLimits& limits);

struct ReferenceBody {
  Verdict verdict = Verdict::kIncomplete;
  std::size_t size = 0;  // bytes of the encoded body, when accepted
  std::string data;
};
ReferenceBody reference_chunked_body(const std::string& input);

// An answer that owns its text.
struct PlainAnswer {
  unsigned status = 0;
  std::string reason;
  int minor = 1;
  Framing framing = Framing::kNone;
  bool has_content_length = false;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  grammar::PlainFields fields;
  std::string body;
  friend bool operator==(const PlainAnswer&, const PlainAnswer&) = default;
};

struct ReferenceAnswerHead {
  Verdict verdict = Verdict::kIncomplete;
  std::size_t size = 0;  // bytes of the head, when accepted
  PlainAnswer answer;
};
ReferenceAnswerHead reference_answer_head(const std::string& input, const HeadLimits& limits,
                                          const std::string& request_method);

}  // namespace claviger::http::testing
