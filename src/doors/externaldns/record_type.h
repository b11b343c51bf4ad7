// SPDX-License-Identifier: Apache-2.0
#pragma once

// The types of records that go through the door, each in three forms: a target, as ExternalDNS has it (one canonical text for
// each value, so that what is there compares equal to what is wanted); the server's JSON (`rData`); and the form fields of
// the server's calls. What goes from one to the other and back is the same again.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace claviger::doors::externaldns {

enum class RecordType : std::uint8_t {
  kA,
  kAaaa,
  kCname,
  kDname,
  kAname,
  kNs,
  kPtr,
  kMx,
  kTxt,
  kSrv,
  kNaptr,
  kCaa,
  kDs,
  kSshfp,
  kTlsa,
  kSvcb,
  kHttps,
  kUri,
};
inline constexpr std::size_t kRecordTypes = 18;

// "A", "AAAA", ...
std::string_view type_name(RecordType type) noexcept;
std::optional<RecordType> find_record_type(std::string_view name) noexcept;  // either case
// There is one record of it at a name, which is taken away without saying its value.
bool has_one_value(RecordType type) noexcept;
// Whether who asks for addresses gets an answer from it.
bool answers_with_addresses(RecordType type) noexcept;

// `rData` as it came: scalars by name, those of `svcParams` as "svcParams.alpn"; a TXT record's strings besides.
struct RData {
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::string> strings;
  const std::string* find(std::string_view name) const noexcept;
  void clear() noexcept {
    fields.clear();
    strings.clear();
  }
};

// A target in its canonical form:
//   A, AAAA                        address as RFC 5952 has it
//   CNAME, DNAME, ANAME, NS, PTR   name in lower case and punycode, without a trailing dot
//   MX                             "10 mail.example.com"
//   TXT                            the text itself; in quotes ("\"" and "\\" escaped) where it would read as quoted otherwise
//   SRV                            "10 5 443 host.example.com."
//   NAPTR                          "100 10 \"S\" \"SIP+D2U\" \"\" host.example.com."
//   CAA, URI                       "0 issue \"ca.example\"", "10 1 \"https://example.com/\""
//   DS, SSHFP, TLSA                numbers, then hex digits in upper case: "4 2 0A1B..."
//   SVCB, HTTPS                    "1 host.example.com. alpn=h2,h3 port=443": keys by their number
// Lenient in what it reads (quotes, spaces, dots, either case); kBadRequest says what is wrong.
Result<std::string> canonical_target(RecordType type, std::string_view target);
// The same of what the server has.
Result<std::string> target_of(RecordType type, const RData& rdata);
// Appends "&ipAddress=192.0.2.1" and the like. Requires: a canonical target.
Result<void> append_record_form(std::string& form, RecordType type, std::string_view target);

// The text of a TXT target, without the quotes that it may have: one quoted string, or several that are joined.
std::string txt_text(std::string_view target);

// Appends "&name=value", percent-encoded.
void append_form_field(std::string& form, std::string_view name, std::string_view value);

}  // namespace claviger::doors::externaldns
