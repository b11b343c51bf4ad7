// SPDX-License-Identifier: Apache-2.0
#include "gateway/refusals.h"

#include <algorithm>
#include <span>
#include <string>

#include "base/parse.h"

namespace claviger::gateway {

bool Refusals::take(Monotonic now) noexcept {
  if (tokens_ == kBurst) refilled_ = now;
  const auto earned = (now - refilled_) / kRefill;
  if (earned > 0) {
    tokens_ = static_cast<std::uint32_t>(std::min<std::int64_t>(tokens_ + earned, kBurst));
    refilled_ += earned * kRefill;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

void Refusals::count(std::string_view code, std::string_view address, Monotonic now, WallTime when) noexcept {
  if (total_++ == 0) {
    since_ = now;
    first_ = when;
  }
  last_ = std::max(when, first_);
  std::size_t i = 0;
  while (i < code_count_ && codes_[i].code != code) ++i;
  if (i == code_count_ && code_count_ < kCodes) codes_[code_count_++] = {code, 0};
  ++codes_[std::min(i, kCodes - 1)].count;
  count_address(address);
}

void Refusals::count_address(std::string_view address) noexcept {
  address = address.substr(0, Address{}.text.size());
  for (Address& known : std::span(addresses_).first(address_count_))
    if (known.view() == address) return void(++known.count);
  if (address_count_ == kAddresses || address.empty()) return void(++elsewhere_);
  Address& added = addresses_[address_count_++];
  std::ranges::copy(address, added.text.begin());
  added.size = static_cast<std::uint8_t>(address.size());
  added.count = 1;
}

audit::Event Refusals::take_event(WallTime now) {
  std::string codes = "{";
  for (const CodeCount& each : std::span(codes_).first(code_count_)) {
    if (codes.size() > 1) codes += ',';
    codes.append("\"").append(each.code).append("\":").append(std::to_string(each.count));
  }
  // Addresses and pseudonyms are plain text.
  std::string addresses = "[";
  for (const Address& each : std::span(addresses_).first(address_count_)) {
    if (addresses.size() > 1) addresses += ',';
    addresses.append(R"({"address":")").append(each.view()).append(R"(","count":)");
    addresses.append(std::to_string(each.count)).append("}");
  }
  audit::Event event(now, type_);
  event.add("count", total_).add_json("codes", codes + "}");
  if (address_count_ > 0) event.add_json("addresses", addresses + "]");
  if (elsewhere_ > 0) event.add("elsewhere", elsewhere_);
  event.add("first", base::format_rfc3339(first_)).add("last", base::format_rfc3339(last_));
  total_ = elsewhere_ = 0;
  code_count_ = address_count_ = 0;
  return event;
}

}  // namespace claviger::gateway
