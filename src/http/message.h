// SPDX-License-Identifier: Apache-2.0
#pragma once

// HTTP messages as views into the buffer they were read into (RFC 9110). Nothing here owns bytes: a head
// is valid as long as its buffer stands still.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace claviger::http {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kPatch,
  kOptions,
  kTrace,
  kConnect,
  kOther
};

// Safe methods (RFC 9110 section 9.2.1); kOther is not one.
bool is_safe(Method method) noexcept;
Method method_of(std::string_view text) noexcept;  // case-sensitive, as RFC 9110 has it

// Field names that the gateway has to know. classify() folds case; it does not fold '_' into '-'
// (gateway/strip does, on purpose and in one place).
enum class FieldName : std::uint8_t {
  kOther,
  kAcceptEncoding,
  kAuthorization,
  kConnection,
  kContentEncoding,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kForwarded,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kRange,
  kServer,
  kSetCookie,
  kTe,
  kTraceparent,
  kTracestate,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kVia,
  kXApiKey,
  kXClavigerError,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXForwardedPort,
  kXGoogApiKey,
  kXRealIp,
  kXRequestId,
};
FieldName classify(std::string_view name) noexcept;

struct Field {
  std::string_view name;   // as sent, a token (RFC 9110 section 5.1)
  std::string_view value;  // without surrounding white space; no control bytes but HTAB
  FieldName known = FieldName::kOther;
};

// How the end of a body is found (RFC 9112 section 6.3).
enum class Framing : std::uint8_t {
  kNone,        // no body
  kLength,      // content_length bytes
  kChunked,
  kUntilClose,  // answers only
};

inline constexpr std::size_t kMaxFields = 128;

// The fields of a head, in order, in memory that is used again for the next one.
class Fields {
 public:
  Fields() noexcept {}
  void clear() noexcept { size_ = 0; }
  // False when full.
  bool add(const Field& field) noexcept {
    if (size_ == kMaxFields) return false;
    std::construct_at(&fields_[size_++], field);
    return true;
  }
  std::size_t size() const noexcept { return size_; }
  const Field* begin() const noexcept { return fields_; }
  const Field* end() const noexcept { return fields_ + size_; }
  const Field& operator[](std::size_t index) const noexcept { return fields_[index]; }
  // The first of that name, or nullptr.
  const Field* find(FieldName name) const noexcept;
  const Field* find(std::string_view name) const noexcept;  // case-insensitive; for unusual names

 private:
  // Not made before they are added: a head lives for one request, which has few of so many.
  union {
    Field fields_[kMaxFields];
  };
  std::size_t size_ = 0;
};

struct RequestHead {
  Method method = Method::kOther;
  std::string_view method_text;
  std::string_view target;  // origin-form: path and query as sent. Of an absolute-form, its path and query.
  std::string_view path;  // target up to '?'; begins with '/'
  std::string_view query;  // after '?', may be empty
  bool has_query = false;
  std::uint8_t minor = 1;  // HTTP/1.<minor>: 0 or 1
  std::string_view host;  // value of Host; empty only for HTTP/1.0 without one
  Framing framing = Framing::kNone;  // kNone, kLength (content_length > 0 or said to be 0) or kChunked
  std::uint64_t content_length = 0;
  bool keep_alive = true;  // what the client asked for, by version and Connection
  bool expects_continue = false;  // Expect: 100-continue and a body follows
  Fields fields;
};

struct ResponseHead {
  unsigned status = 0;  // 100 to 599
  std::string_view reason;  // may be empty
  std::uint8_t minor = 1;
  Framing framing = Framing::kNone;
  std::uint64_t content_length =
      0;  // with kLength; also what a HEAD answer or a 304 said, see has_content_length
  bool has_content_length = false;
  bool keep_alive = true;  // whether the peer lets the connection be used again
  Fields fields;
};

}  // namespace claviger::http
