// SPDX-License-Identifier: Apache-2.0
#include "http/parser_fields.h"

#include "base/parse.h"
#include "http/list.h"
#include "http/octets.h"

namespace claviger::http {
namespace {

using base::equals_ignore_case;

// At most 2^63-1, so that lengths can be added to and compared with signed offsets.
constexpr std::uint64_t kMaxLength = INT64_MAX;

[[gnu::cold]] Error refuse_name(char at, bool first, Blame blame) noexcept {
  if (first && (at == ' ' || at == '\t')) return refuse(blame, "a field line is folded");
  if (first && at == ':') return refuse(blame, "a field has no name");
  if (at == ' ' || at == '\t') return refuse(blame, "white space before the colon of a field");
  if (at == '\r' || at == '\n') return refuse(blame, "a field line has no colon");
  return refuse(blame, "a field name is no token");
}

Result<void> read_length(std::string_view value, Blame blame, FramingFields& out) noexcept {
  if (out.has_length) return refuse(blame, "more than one Content-Length");
  if (!is_all(value, kIsDigit)) return refuse(blame, "Content-Length is no number");
  // Readers exist that take a leading zero for octal.
  if (value.size() > 1 && value.front() == '0') return refuse(blame, "Content-Length has leading zeros");
  std::uint64_t length = 0;
  for (const char c : value) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (kMaxLength - digit) / 10) return refuse(blame, "Content-Length is too large");
    length = length * 10 + digit;
  }
  out.has_length = true;
  out.length = length;
  return ok();
}

Result<void> read_coding(std::string_view value, std::uint8_t minor, Blame blame,
                         FramingFields& out) noexcept {
  if (minor == 0) return refuse(blame, "Transfer-Encoding in HTTP/1.0");
  if (out.chunked) return refuse(blame, "more than one Transfer-Encoding");
  if (!equals_ignore_case(value, "chunked")) return refuse(blame, "Transfer-Encoding is not exactly chunked");
  out.chunked = true;
  return ok();
}

Result<void> read_connection(std::string_view value, Blame blame, FramingFields& out) noexcept {
  bool tokens = true;
  bool framing = false;
  for_each_element(value, [&](std::string_view option) {
    if (equals_ignore_case(option, "close")) {
      out.close = true;
    } else if (equals_ignore_case(option, "keep-alive")) {
      out.keep_alive = true;
    } else {
      const FieldName named = classify(option);
      tokens = tokens && is_all(option, kIsToken);
      framing = framing || named == FieldName::kContentLength || named == FieldName::kTransferEncoding ||
                named == FieldName::kHost;
    }
    return true;
  });
  if (!tokens && blame == Blame::kCaller) return refuse(blame, "a Connection option is no token");
  if (!tokens) out.close = true;  // servers do send odd ones; such a connection is not used again
  // An intermediary that obeys would drop the very field that frames or routes the message.
  if (framing) return refuse(blame, "Connection names a field that frames or routes the message");
  return ok();
}

Result<void> read_expect(std::string_view value, Blame blame, FramingFields& out) noexcept {
  if (blame != Blame::kCaller) return ok();  // means nothing in a response
  if (!equals_ignore_case(value, "100-continue"))
    return refuse(blame, "an expectation other than 100-continue");
  out.expects_continue = true;
  return ok();
}

Result<void> read_framing_field(const Field& field, std::uint8_t minor, Blame blame,
                                FramingFields& out) noexcept {
  switch (field.known) {
    case FieldName::kContentLength:
      return read_length(field.value, blame, out);
    case FieldName::kTransferEncoding:
      return read_coding(field.value, minor, blame, out);
    case FieldName::kConnection:
      return read_connection(field.value, blame, out);
    case FieldName::kExpect:
      return read_expect(field.value, blame, out);
    case FieldName::kHost:
      if (out.host != nullptr) return refuse(blame, "more than one Host");
      out.host = &field;
      return ok();
    default:
      return ok();
  }
}

}  // namespace

Result<void> read_fields(std::string_view lines, std::size_t max_fields, Blame blame, Fields& out) noexcept {
  const char* p = lines.data();
  const char* const end = p + lines.size();
  while (p != end && *p != '\r') {
    const char* const name = p;
    p = find_non_token(p, end);
    if (p == end) return refuse(blame, "the head ends within a field");
    if (*p != ':' || p == name) return refuse_name(*p, p == name, blame);
    const char* const colon = p++;
    const char* const stop = find_non_text(p, end);
    if (end - stop < 2) return refuse(blame, "the head ends within a field");
    if (stop[0] != '\r' || stop[1] != '\n') {
      return *stop == '\r' || *stop == '\n' ? refuse(blame, "a line does not end with CR LF")
                                            : refuse(blame, "a control byte in a field");
    }
    const std::string_view value = trim_ows({p, stop});
    p = stop + 2;
    const std::string_view name_text(name, colon);
    if (out.size() >= max_fields || !out.add({name_text, value, classify(name_text)})) {
      return refuse_size(blame, "too many fields");
    }
  }
  if (end - p < 2 || p[1] != '\n') return refuse(blame, "the head has no end");
  if (end - p > 2) return refuse(blame, "bytes after the end of the head");
  return ok();
}

Result<FramingFields> read_framing_fields(const Fields& fields, std::uint8_t minor, Blame blame) noexcept {
  FramingFields out;
  for (const Field& field : fields) {
    if (field.known == FieldName::kOther) continue;
    CLV_TRY_VOID(read_framing_field(field, minor, blame, out));
  }
  if (out.chunked && out.has_length) return refuse(blame, "Content-Length beside Transfer-Encoding");
  return out;
}

}  // namespace claviger::http
