// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/record_fields.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/document.h"
#include "base/parse.h"
#include "doors/externaldns/names.h"

namespace claviger::doors::externaldns {
namespace {

using Is = FieldKind::Is;

// --- Shapes. The server's own names, from its API: DNSSEC's and SSH's algorithms are words there. ---

constexpr Word kDnssecAlgorithms[] = {
    {1, "RSAMD5"},    {3, "DSA"},        {5, "RSASHA1"},   {6, "DSA-NSEC3-SHA1"},   {7, "RSASHA1-NSEC3-SHA1"},
    {8, "RSASHA256"}, {10, "RSASHA512"}, {12, "ECC-GOST"}, {13, "ECDSAP256SHA256"}, {14, "ECDSAP384SHA384"},
    {15, "ED25519"},  {16, "ED448"}};
constexpr Word kDigests[] = {{1, "SHA1"}, {2, "SHA256"}, {3, "GOST-R-34-11-94"}, {4, "SHA384"}};
constexpr Word kSshAlgorithms[] = {{1, "RSA"}, {2, "DSA"}, {3, "ECDSA"}, {4, "Ed25519"}, {6, "Ed448"}};
constexpr Word kFingerprints[] = {{1, "SHA1"}, {2, "SHA256"}};
constexpr Word kUsages[] = {{0, "PKIX-TA"}, {1, "PKIX-EE"}, {2, "DANE-TA"}, {3, "DANE-EE"}};
constexpr Word kSelectors[] = {{0, "Cert"}, {1, "SPKI"}};
constexpr Word kMatchings[] = {{0, "Full"}, {1, "SHA2-256"}, {2, "SHA2-512"}};

constexpr FieldKind kHost{.is = Is::kName};
constexpr FieldKind kHostOrRoot{.is = Is::kName, .may_be_root = true};
constexpr FieldKind kFullHost{.is = Is::kName, .ends_in_dot = true, .may_be_root = true};
constexpr FieldKind kByte{.is = Is::kNumber, .most = 255};
constexpr FieldKind kNumber{.is = Is::kNumber, .most = 65'535};
constexpr FieldKind kQuoted{.is = Is::kQuoted};
constexpr FieldKind kHex{.is = Is::kHex};

constexpr RecordField kA[] = {{{.is = Is::kAddress4}, "ipAddress", "ipAddress"}};
constexpr RecordField kAaaa[] = {{{.is = Is::kAddress6}, "ipAddress", "ipAddress"}};
constexpr RecordField kCname[] = {{kHost, "cname", "cname"}};
constexpr RecordField kDname[] = {{kHost, "dname", "dname"}};
constexpr RecordField kAname[] = {{kHost, "aname", "aname"}};
constexpr RecordField kNs[] = {{kHost, "nameServer", "nameServer"}};
constexpr RecordField kPtr[] = {{kHost, "ptrName", "ptrName"}};
constexpr RecordField kMx[] = {{kNumber, "preference", "preference"}, {kHostOrRoot, "exchange", "exchange"}};
constexpr RecordField kSrv[] = {{kNumber, "priority", "priority"},
                                {kNumber, "weight", "weight"},
                                {kNumber, "port", "port"},
                                {kFullHost, "target", "target"}};
constexpr RecordField kNaptr[] = {
    {kNumber, "naptrOrder", "order"},   {kNumber, "naptrPreference", "preference"},
    {kQuoted, "naptrFlags", "flags"},   {kQuoted, "naptrServices", "services"},
    {kQuoted, "naptrRegexp", "regexp"}, {kFullHost, "naptrReplacement", "replacement"}};
constexpr RecordField kCaa[] = {
    {kByte, "flags", "flags"}, {{.is = Is::kTag}, "tag", "tag"}, {kQuoted, "value", "value"}};
constexpr RecordField kDs[] = {{kNumber, "keyTag", "keyTag"},
                               {{.is = Is::kWord, .words = kDnssecAlgorithms}, "algorithm", "algorithm"},
                               {{.is = Is::kWord, .words = kDigests}, "digestType", "digestType"},
                               {kHex, "digest", "digest"}};
constexpr RecordField kSshfp[] = {
    {{.is = Is::kWord, .words = kSshAlgorithms}, "sshfpAlgorithm", "algorithm"},
    {{.is = Is::kWord, .words = kFingerprints}, "sshfpFingerprintType", "fingerprintType"},
    {kHex, "sshfpFingerprint", "fingerprint"}};
constexpr RecordField kTlsa[] = {
    {{.is = Is::kWord, .words = kUsages}, "tlsaCertificateUsage", "certificateUsage"},
    {{.is = Is::kWord, .words = kSelectors}, "tlsaSelector", "selector"},
    {{.is = Is::kWord, .words = kMatchings}, "tlsaMatchingType", "matchingType"},
    {kHex, "tlsaCertificateAssociationData", "certificateAssociationData"}};
constexpr RecordField kSvcb[] = {{kNumber, "svcPriority", "svcPriority"},
                                 {kFullHost, "svcTargetName", "svcTargetName"},
                                 {{.is = Is::kParameters}, "svcParams", "svcParams"}};
constexpr RecordField kUri[] = {
    {kNumber, "uriPriority", "priority"}, {kNumber, "uriWeight", "weight"}, {{.is = Is::kUri}, "uri", "uri"}};

constexpr std::array<RecordShape, kRecordTypes> kShapes = {{{"A", false, kA},
                                                            {"AAAA", false, kAaaa},
                                                            {"CNAME", true, kCname},
                                                            {"DNAME", true, kDname},
                                                            {"ANAME", false, kAname},
                                                            {"NS", false, kNs},
                                                            {"PTR", false, kPtr},
                                                            {"MX", false, kMx},
                                                            {"TXT", false, {}},
                                                            {"SRV", false, kSrv},
                                                            {"NAPTR", false, kNaptr},
                                                            {"CAA", false, kCaa},
                                                            {"DS", false, kDs},
                                                            {"SSHFP", false, kSshfp},
                                                            {"TLSA", false, kTlsa},
                                                            {"SVCB", false, kSvcb},
                                                            {"HTTPS", false, kSvcb},
                                                            {"URI", false, kUri}}};

// --- Values ---

Result<std::string> parse_address(int family, std::string_view text) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> written{};
  const std::string terminated(text);  // of what holds a NUL, all the same, inet_pton would see a part
  if (terminated.find('\0') != std::string::npos ||
      ::inet_pton(family, terminated.c_str(), bytes.data()) != 1)
    return is_bad_record(fmt::format("'{}' is no {} address", base::printable_name(text),
                                     family == AF_INET ? "IPv4" : "IPv6"));
  ::inet_ntop(family, bytes.data(), written.data(), written.size());
  return std::string(written.data());
}

Result<std::string> parse_name(const FieldKind& kind, std::string_view text) {
  if (text.empty() && kind.may_be_root) return std::string(".");
  std::string name = CLV_TRY(canonical_name(text, kind.may_be_root));
  if (kind.ends_in_dot && name != ".") name += '.';
  return name;
}

Result<std::string> parse_number(std::string_view text, unsigned most) {
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  const auto number = base::parse_decimal(text, most);
  if (number.has_value()) return std::to_string(*number);
  return is_bad_record(fmt::format("'{}' is no number from 0 to {}", base::printable_name(text), most));
}

bool is_same_word(std::string_view a, std::string_view b) noexcept {
  const auto plain = [](char c) {
    return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  return std::ranges::equal(a, b, {}, plain, plain);
}

// A number, or the server's word for it.
Result<std::string> parse_word(const FieldKind& kind, std::string_view text) {
  for (const Word& word : kind.words) {
    if (is_same_word(word.word, text)) return std::to_string(word.number);
  }
  const std::string number = CLV_TRY(parse_number(text, 255));
  const auto is_it = [&number](const Word& word) { return std::to_string(word.number) == number; };
  if (std::ranges::any_of(kind.words, is_it)) return number;
  return is_bad_record(fmt::format("the server has no word for {}", number));
}

Result<std::string> parse_hex_field(std::string_view text) {
  const std::string bytes = CLV_TRY(parse_hex_bytes(text));
  std::string hex;
  append_hex_bytes(hex, bytes, false);
  return hex;
}

// The server keeps ASCII alone, and puts '?' for the rest.
Result<std::string> parse_ascii(std::string_view text) {
  const auto is_kept = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::ranges::all_of(text, is_kept)) return is_bad_record("the server keeps printable ASCII alone");
  return std::string(text);
}

Result<std::string> parse_tag(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  std::string tag(text);
  std::ranges::transform(tag, tag.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (tag.empty() || tag.size() > 15 || !std::ranges::all_of(tag, is_letter))
    return is_bad_record("no CAA tag");
  return tag;
}

// As .NET writes it again: scheme and host in lower case, no default port, a path of at least "/".
Result<std::string> parse_uri(std::string_view text) {
  const auto is_of_uri = [](char c) {
    return c > ' ' && c <= '~' && std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
  };
  if (text.empty() || !std::ranges::all_of(text, is_of_uri)) return is_bad_record("no URI");
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return is_bad_record("a URI without a scheme");
  std::string uri(text);
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  std::transform(uri.begin(), uri.begin() + static_cast<std::ptrdiff_t>(colon), uri.begin(), lower);
  if (!text.substr(colon).starts_with("://")) return uri;
  const std::size_t host = colon + 3;
  const std::size_t end = std::min(uri.find_first_of("/?#", host), uri.size());
  const std::size_t at = uri.rfind('@', end);
  const std::size_t name = at == std::string::npos || at < host ? host : at + 1;
  std::transform(uri.begin() + static_cast<std::ptrdiff_t>(name),
                 uri.begin() + static_cast<std::ptrdiff_t>(end),
                 uri.begin() + static_cast<std::ptrdiff_t>(name), lower);
  const std::string_view scheme = std::string_view(uri).substr(0, colon);
  constexpr std::pair<std::string_view, std::string_view> kPorts[] = {
      {"http", ":80"}, {"https", ":443"}, {"ws", ":80"}, {"wss", ":443"}, {"ftp", ":21"}};
  for (const auto& [of, port] : kPorts) {
    if (scheme != of) continue;
    if (end == uri.size() || uri[end] != '/') uri.insert(end, "/");
    if (std::string_view(uri).substr(0, end).ends_with(port)) uri.erase(end - port.size(), port.size());
    break;
  }
  return uri;
}

Result<std::string> parse_field(const FieldKind& kind, std::string_view text) {
  switch (kind.is) {
    case Is::kAddress4:
      return parse_address(AF_INET, text);
    case Is::kAddress6:
      return parse_address(AF_INET6, text);
    case Is::kName:
      return parse_name(kind, text);
    case Is::kNumber:
      return parse_number(text, kind.most);
    case Is::kWord:
      return parse_word(kind, text);
    case Is::kHex:
      return parse_hex_field(text);
    case Is::kQuoted:
      return parse_ascii(text);
    case Is::kTag:
      return parse_tag(text);
    case Is::kUri:
      return parse_uri(text);
    case Is::kParameters:
      break;
  }
  return is_bad_record("parameters where none can be");
}

}  // namespace

const RecordShape& shape_of(RecordType type) noexcept { return kShapes[static_cast<std::size_t>(type)]; }

Result<std::string> field_of_text(const FieldKind& kind, const Token& token) {
  return parse_field(kind, token.text);
}

Result<std::string> field_of_json(const FieldKind& kind, std::string_view value) {
  return parse_field(kind, value);
}

void append_field_text(std::string& out, const FieldKind& kind, std::string_view value) {
  if (kind.is == Is::kQuoted || kind.is == Is::kUri) append_quoted(out, value);
  else out += value;
}

std::string form_of_field(const FieldKind& kind, std::string_view value) {
  if (kind.is == Is::kName && value.size() > 1 && value.ends_with('.')) value.remove_suffix(1);
  if (kind.is != Is::kWord) return std::string(value);
  for (const Word& word : kind.words) {
    if (std::to_string(word.number) == value) return std::string(word.word);
  }
  return std::string(value);
}

}  // namespace claviger::doors::externaldns
