// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/zone_sink.h"

#include <utility>

#include "base/parse.h"
#include "doors/externaldns/names.h"

namespace claviger::doors::externaldns {
namespace {

constexpr std::size_t kMostType = 64;

std::size_t number_in(std::string_view text) {
  const auto number = base::parse_decimal(text, UINT32_MAX);
  return number.has_value() ? static_cast<std::size_t>(*number) : 0;
}

}  // namespace

Result<void> ZoneSink::enter(At at) {
  before_.push_back(std::exchange(at_, at));
  return ok();
}

Result<void> ZoneSink::begin_object() {
  if (at_ == At::kOutside) return enter(At::kTop);
  if (at_ == At::kTop && name() == "response") return enter(At::kResponse);
  if (at_ != At::kZones) return enter(At::kSkip);
  zone_ = {};
  return enter(At::kZone);
}

Result<void> ZoneSink::begin_array() {
  if (at_ != At::kResponse || name() != "zones") return enter(At::kSkip);
  has_list_ = true;
  return enter(At::kZones);
}

Result<void> ZoneSink::end_object() {
  if (at_ == At::kZone) CLV_TRY_VOID(end_zone());
  return end_array();
}

Result<void> ZoneSink::end_array() {
  at_ = before_.back();
  before_.pop_back();
  return ok();
}

Result<void> ZoneSink::scalar(std::string_view text) {
  if (at_ == At::kTop) {
    take_outcome(text);
  } else if (at_ == At::kResponse) {
    if (name() == "totalZones") total_zones_ = number_in(text);
    else if (name() == "totalPages") total_pages_ = number_in(text);
  } else if (at_ == At::kZone) {
    if (name() == "name") zone_.name = text;
    else if (name() == "type") zone_.type = text.substr(0, kMostType);
    else if (name() == "internal") zone_.is_internal = text == "true";
    else if (name() == "disabled") zone_.is_disabled = text == "true";
  }
  return ok();
}

Result<void> ZoneSink::end_zone() {
  ++listed_;
  auto name = canonical_name(zone_.name);
  if (!name.has_value()) return ok();  // the root zone, and what could hold none of our names
  if (into_.size() == kMostZones)
    return Error(Code::kUpstreamFailed, Blame::kUpstream, "the server lists more than 100,000 zones");
  zone_.name = *std::move(name);
  into_.push_back(std::move(zone_));
  return ok();
}

}  // namespace claviger::doors::externaldns
