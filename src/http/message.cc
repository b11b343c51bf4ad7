// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <bit>
#include <cstring>
#include <iterator>

#include "base/parse.h"

namespace claviger::http {
namespace {

constexpr std::size_t kShortestName = 2;
constexpr std::size_t kLongestName = 19;
constexpr std::uint64_t kEveryByte = 0x0101010101010101;

// The first `size` bytes of a word, the rest zero: a loop in the compiler, one load at run time.
static_assert(std::endian::native == std::endian::little);
template <std::size_t size>
constexpr std::uint64_t load(const char* p) noexcept {
  std::uint64_t word = 0;
  if consteval {
    for (std::size_t i = 0; i < size; ++i) word |= std::uint64_t{static_cast<unsigned char>(p[i])} << (8 * i);
  } else {
    std::memcpy(&word, p, size);
  }
  return word;
}

// 'A' to 'Z' into lower case in each of eight bytes; all other bytes as they are.
constexpr std::uint64_t fold(std::uint64_t word) noexcept {
  const std::uint64_t low_bits = word & (0x7F * kEveryByte);
  const std::uint64_t from_a = low_bits + (0x80 - 'A') * kEveryByte;
  const std::uint64_t past_z = low_bits + (0x7F - 'Z') * kEveryByte;
  const std::uint64_t upper = (from_a ^ past_z) & ~word & (0x80 * kEveryByte);
  return word | (upper >> 2);
}

// A name of kShortestName to kLongestName bytes, folded, as three words that may overlap: two names of one
// length are equal when their words are.
struct NameWords {
  std::uint64_t head = 0;
  std::uint64_t middle = 0;
  std::uint64_t tail = 0;
  friend constexpr bool operator==(const NameWords&, const NameWords&) = default;
};
constexpr NameWords words_of(std::string_view name) noexcept {
  const char* const p = name.data();
  const std::size_t size = name.size();
  if (size > 16) return {fold(load<8>(p)), fold(load<8>(p + 8)), fold(load<8>(p + size - 8))};
  if (size >= 8) return {fold(load<8>(p)), 0, fold(load<8>(p + size - 8))};
  if (size >= 4) return {fold(load<4>(p)), 0, fold(load<4>(p + size - 4))};
  return {fold(load<2>(p)), 0, fold(load<2>(p + size - 2))};
}

struct KnownName {
  std::string_view text;
  FieldName name;
  NameWords words;
  constexpr KnownName(std::string_view t, FieldName n) : text(t), name(n), words(words_of(t)) {}
};

// By length: a name is compared with those of its own length only, five at most.
constexpr KnownName kKnownNames[] = {
    {"te", FieldName::kTe},
    {"via", FieldName::kVia},
    {"date", FieldName::kDate},
    {"host", FieldName::kHost},
    {"range", FieldName::kRange},
    {"cookie", FieldName::kCookie},
    {"expect", FieldName::kExpect},
    {"server", FieldName::kServer},
    {"trailer", FieldName::kTrailer},
    {"upgrade", FieldName::kUpgrade},
    {"forwarded", FieldName::kForwarded},
    {"x-api-key", FieldName::kXApiKey},
    {"x-real-ip", FieldName::kXRealIp},
    {"connection", FieldName::kConnection},
    {"keep-alive", FieldName::kKeepAlive},
    {"set-cookie", FieldName::kSetCookie},
    {"tracestate", FieldName::kTracestate},
    {"traceparent", FieldName::kTraceparent},
    {"content-type", FieldName::kContentType},
    {"x-request-id", FieldName::kXRequestId},
    {"authorization", FieldName::kAuthorization},
    {"content-length", FieldName::kContentLength},
    {"http2-settings", FieldName::kHttp2Settings},
    {"x-goog-api-key", FieldName::kXGoogApiKey},
    {"accept-encoding", FieldName::kAcceptEncoding},
    {"x-forwarded-for", FieldName::kXForwardedFor},
    {"content-encoding", FieldName::kContentEncoding},
    {"proxy-connection", FieldName::kProxyConnection},
    {"x-claviger-error", FieldName::kXClavigerError},
    {"x-forwarded-host", FieldName::kXForwardedHost},
    {"x-forwarded-port", FieldName::kXForwardedPort},
    {"transfer-encoding", FieldName::kTransferEncoding},
    {"x-forwarded-proto", FieldName::kXForwardedProto},
    {"proxy-authenticate", FieldName::kProxyAuthenticate},
    {"proxy-authorization", FieldName::kProxyAuthorization},
};

// Where the names of each length begin; one entry more, so that each has an end.
consteval std::array<std::uint8_t, kLongestName + 2> make_starts() {
  std::array<std::uint8_t, kLongestName + 2> starts{};
  std::uint8_t at = 0;
  for (std::size_t size = 0; size < starts.size(); ++size) {
    starts[size] = at;
    while (at < std::size(kKnownNames) && kKnownNames[at].text.size() == size) ++at;
  }
  return starts;
}
constexpr std::array<std::uint8_t, kLongestName + 2> kStarts = make_starts();
static_assert(kStarts.back() == std::size(kKnownNames), "names are ordered by length");
static_assert(kKnownNames[0].text.size() == kShortestName);
static_assert(std::size(kKnownNames) == static_cast<std::size_t>(FieldName::kXRequestId),
              "every name is listed");

}  // namespace

bool is_safe(Method method) noexcept {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions ||
         method == Method::kTrace;
}

Method method_of(std::string_view text) noexcept {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::kGet;
      if (text == "PUT") return Method::kPut;
      break;
    case 4:
      if (text == "POST") return Method::kPost;
      if (text == "HEAD") return Method::kHead;
      break;
    case 5:
      if (text == "PATCH") return Method::kPatch;
      if (text == "TRACE") return Method::kTrace;
      break;
    case 6:
      if (text == "DELETE") return Method::kDelete;
      break;
    case 7:
      if (text == "OPTIONS") return Method::kOptions;
      if (text == "CONNECT") return Method::kConnect;
      break;
    default:
      break;
  }
  return Method::kOther;
}

FieldName classify(std::string_view name) noexcept {
  if (name.size() < kShortestName || name.size() > kLongestName) return FieldName::kOther;
  const std::size_t end = kStarts[name.size() + 1];
  std::size_t at = kStarts[name.size()];
  if (at == end) return FieldName::kOther;
  const NameWords words = words_of(name);
  for (; at < end; ++at) {
    if (kKnownNames[at].words == words) return kKnownNames[at].name;
  }
  return FieldName::kOther;
}

const Field* Fields::find(FieldName name) const noexcept {
  for (const Field& field : *this) {
    if (field.known == name) return &field;
  }
  return nullptr;
}

const Field* Fields::find(std::string_view name) const noexcept {
  for (const Field& field : *this) {
    if (base::equals_ignore_case(field.name, name)) return &field;
  }
  return nullptr;
}

}  // namespace claviger::http
