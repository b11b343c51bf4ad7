// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/record_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/document.h"
#include "base/parse.h"
#include "doors/externaldns/names.h"
#include "doors/externaldns/record_fields.h"

namespace claviger::doors::externaldns {
namespace {

constexpr std::size_t kString =
    255;  // bytes of a TXT record's string at most; what the server cuts a text into
constexpr std::size_t kMostWord = 1024;  // of a name, a type, a number

// Whether the server would cut the text into the very same strings.
bool is_cut_as_usual(const std::vector<std::string>& strings) {
  for (std::size_t i = 0; i + 1 < strings.size(); ++i) {
    if (strings[i].size() != kString) return false;
  }
  return strings.empty() || !strings.back().empty();
}

// Other providers keep the registry's texts with the quotes that ExternalDNS sends. They are the same to it, but are told to the
// server as they are there.
bool take_quotes_off(std::string& target) {
  const std::string text = txt_text(target);
  if (text.size() < 2 || !text.ends_with('"') || !is_heritage(std::string_view(text).substr(1))) return false;
  if (text.front() != '"') return false;
  target = text.substr(1, text.size() - 2);
  return true;
}

}  // namespace

Result<void> RecordSink::enter(At at) {
  before_.push_back(std::exchange(at_, at));
  return ok();
}

Result<void> RecordSink::enter_or_skip(bool may, At at) { return enter(may ? at : At::kSkip); }

Result<void> RecordSink::begin_object() {
  switch (at_) {
    case At::kOutside:
      return enter(At::kTop);
    case At::kTop:
      return enter_or_skip(name() == "response", At::kResponse);
    case At::kResponse:
      return enter_or_skip(name() == "zone", At::kZone);
    case At::kRecords:
      row_ = {};
      rdata_.clear();
      return enter(At::kRow);
    case At::kRow:
      return enter_or_skip(name() == "rData", At::kRData);
    case At::kRData:
      return enter_or_skip(name() == "svcParams", At::kParameters);
    default:
      return enter(At::kSkip);
  }
}

Result<void> RecordSink::begin_array() {
  switch (at_) {
    case At::kResponse:
      return enter_or_skip(name() == "records", At::kRecords);
    case At::kRow:
      return enter_or_skip(name() == "glueRecords", At::kGlue);
    case At::kRData:
      return enter_or_skip(name() == "characterStrings", At::kStrings);
    default:
      return enter(At::kSkip);
  }
}

Result<void> RecordSink::end_object() {
  if (at_ == At::kRow) CLV_TRY_VOID(end_row());
  return end_array();
}

Result<void> RecordSink::end_array() {
  at_ = before_.back();
  before_.pop_back();
  return ok();
}

Result<void> RecordSink::scalar(std::string_view text) {
  switch (at_) {
    case At::kTop:
      take_outcome(text);
      return ok();
    case At::kZone:
      if (name() == "name") zone_name_ = text;
      if (name() == "type") zone_type_ = text;
      return ok();
    case At::kRow:
      row_scalar(text);
      return ok();
    case At::kGlue:
      if (row_.glue.size() + text.size() >= kMostComment || !has_room(text.size() + 1)) {
        row_.is_too_large = true;
        return ok();
      }
      row_.glue += row_.glue.empty() ? "" : ",";
      row_.glue += text;
      return ok();
    case At::kRData:
      keep_field(name(), text);
      return ok();
    case At::kParameters:
      keep_field("svcParams." + name(), text);
      return ok();
    case At::kStrings:
      if (rdata_.strings.size() < kMostStrings && has_room(text.size())) rdata_.strings.emplace_back(text);
      else row_.is_too_large = true;
      return ok();
    default:
      return ok();
  }
}

bool RecordSink::has_room(std::size_t bytes) noexcept {
  if (bytes > kMostText - row_.bytes) return false;
  row_.bytes += bytes;
  return true;
}

void RecordSink::keep(std::string& into, std::string_view text, std::size_t most) {
  into.clear();
  if (text.size() <= most) into = text;
  else row_.is_too_large = true;
}

void RecordSink::keep_field(std::string_view name, std::string_view value) {
  if (rdata_.fields.size() < kMostFields && has_room(name.size() + value.size()))
    rdata_.fields.emplace_back(name, value);
  else row_.is_too_large = true;
}

void RecordSink::row_scalar(std::string_view text) {
  if (name() == "name") keep(row_.name, text, kMostWord);
  else if (name() == "type") keep(row_.type, text, kMostWord);
  else if (name() == "ttl") keep(row_.ttl, text, kMostWord);
  else if (name() == "comments") keep(row_.comments, text, kMostComment);
  else if (name() == "expiryTtl") keep(row_.expiry, text, kMostWord);
  else if (name() == "disabled") row_.is_disabled = text == "true";
}

Result<void> RecordSink::end_row() {
  const auto type = find_record_type(row_.type);
  if (!type.has_value()) return add_other();
  if (*type == RecordType::kNs && base::equals_ignore_case(row_.name, zone_)) return ok();
  return add_row(*type);
}

// DNSSEC's stand beside any.
Result<void> RecordSink::add_other() {
  constexpr std::string_view kDnssec[] = {"RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY"};
  if (std::ranges::find(kDnssec, row_.type) != std::ranges::end(kDnssec)) return ok();
  if (row_.type == "SOA") {
    const std::string* const expire = rdata_.find("expire");
    const auto seconds = base::parse_decimal(expire != nullptr ? *expire : std::string(), UINT32_MAX);
    if (seconds.has_value()) into_.note_soa_expire(static_cast<std::uint32_t>(*seconds));
  }
  const auto name = canonical_name(row_.name);
  return name.has_value() ? into_.add_other(*name) : ok();
}

void RecordSink::note_unreadable(std::string_view why) {
  if (unreadable_++ > 0) return;
  why_unreadable_ = fmt::format("{} {}: {}", base::printable_name(row_.name), row_.type, why);
}

struct RecordSink::Value {
  std::uint32_t ttl = 0;
  std::string target, identity, options;
};

Result<void> RecordSink::add_row(RecordType type) {
  const auto name = canonical_name(row_.name);
  if (!name.has_value() || !is_within(*name, zone_)) {
    note_unreadable(name.has_value() ? std::string_view("it is not of the zone") : name.error().what());
    return ok();
  }
  const auto value = value_of_row(type);
  if (value.has_value())
    return into_.add({.name = *name,
                      .type = type,
                      .ttl = value->ttl,
                      .target = value->target,
                      .identity = value->identity,
                      .options = value->options});
  note_unreadable(value.error().what());
  const auto ttl = base::parse_decimal(row_.ttl, UINT32_MAX);
  return into_.add({.name = *name,
                    .type = type,
                    .ttl = ttl.has_value() ? static_cast<std::uint32_t>(*ttl) : 0,
                    .target = {},
                    .identity = {},
                    .options = {},
                    .is_opaque = true});
}

Result<RecordSink::Value> RecordSink::value_of_row(RecordType type) const {
  if (row_.is_too_large) return Error(Code::kInvalid, Blame::kUpstream, "it is too large");
  Value value;
  value.target = CLV_TRY(target_of(type, rdata_));
  value.ttl = static_cast<std::uint32_t>(CLV_TRY(base::parse_decimal(row_.ttl, UINT32_MAX)));
  if (type == RecordType::kTxt && take_quotes_off(value.target)) {
    append_form_field(value.identity, "text", fmt::format("\"{}\"", value.target));
  } else if (!is_cut_as_usual(rdata_.strings)) {
    std::string lines;
    for (const std::string& string : rdata_.strings) lines += (lines.empty() ? "" : "\n") + string;
    append_form_field(value.identity, "text", lines);
    value.identity += "&splitText=true";
  } else if (rdata_.find("svcParams.mandatory") != nullptr) {
    value.identity = CLV_TRY(service_identity(type, value.target));
  }
  value.options = options_of_row();
  return value;
}

// Which keys are mandatory is told in an order of no meaning, but another order is another record to the server.
Result<std::string> RecordSink::service_identity(RecordType type, std::string_view target) const {
  std::string form;
  CLV_TRY_VOID(append_record_form(form, type, target));
  form.resize(std::min(form.find("&svcParams="), form.size()));
  append_form_field(form, "svcParams", form_of_parameters_as_they_are(rdata_));
  return form;
}

std::string RecordSink::options_of_row() const {
  std::string options;
  if (!row_.comments.empty()) append_form_field(options, "comments", row_.comments);
  if (!row_.expiry.empty() && row_.expiry != "0") append_form_field(options, "expiryTtl", row_.expiry);
  if (row_.is_disabled) options += "&disable=true";
  if (!row_.glue.empty()) append_form_field(options, "glue", row_.glue);
  for (const std::string_view hint : {"autoIpv4Hint", "autoIpv6Hint"}) {
    const std::string* const is_set = rdata_.find(hint);
    if (is_set != nullptr && *is_set == "true") append_form_field(options, hint, "true");
  }
  return options;
}

}  // namespace claviger::doors::externaldns
