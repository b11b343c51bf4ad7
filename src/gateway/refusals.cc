// SPDX-License-Identifier: Apache-2.0
#include "gateway/refusals.h"

#include <algorithm>
#include <span>
#include <string>

#include "base/parse.h"

namespace claviger::gateway {

namespace {

// What members of the event are called.
struct Words {
  std::string_view sources, source, others;
  std::size_t most;
};
constexpr Words kOfStrangers{"addresses", "address", "elsewhere", Refusals::kAddresses};
constexpr Words kOfPrincipals{"principals", "principal", "others", Refusals::kPrincipals};

constexpr const Words& words_of(Refusals::Of of) noexcept {
  return of == Refusals::Of::kStrangers ? kOfStrangers : kOfPrincipals;
}

}  // namespace

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

void Refusals::count(std::string_view code, std::string_view source, Monotonic now, WallTime when) noexcept {
  if (total_++ == 0) {
    since_ = now;
    first_ = when;
  }
  last_ = std::max(when, first_);
  std::size_t i = 0;
  while (i < code_count_ && codes_[i].code != code) ++i;
  if (i == code_count_ && code_count_ < kCodes) codes_[code_count_++] = {code, 0};
  ++codes_[std::min(i, kCodes - 1)].count;
  count_source(source);
}

void Refusals::count_source(std::string_view source) noexcept {
  source = source.substr(0, Source{}.text.size());
  for (Source& known : std::span(sources_).first(source_count_))
    if (known.view() == source) return void(++known.count);
  if (source_count_ == words_of(of_).most || source.empty()) return void(++others_);
  Source& added = sources_[source_count_++];
  std::ranges::copy(source, added.text.begin());
  added.size = static_cast<std::uint8_t>(source.size());
  added.count = 1;
}

audit::Event Refusals::take_event(WallTime now) {
  const Words& words = words_of(of_);
  std::string codes = "{";
  for (const CodeCount& each : std::span(codes_).first(code_count_)) {
    if (codes.size() > 1) codes += ',';
    codes.append("\"").append(each.code).append("\":").append(std::to_string(each.count));
  }
  // Addresses, pseudonyms and names of principals are plain text.
  std::string sources = "[";
  for (const Source& each : std::span(sources_).first(source_count_)) {
    if (sources.size() > 1) sources += ',';
    sources.append(R"({")").append(words.source).append(R"(":")").append(each.view());
    sources.append(R"(","count":)").append(std::to_string(each.count)).append("}");
  }
  audit::Event event(now, type_);
  event.add("count", total_).add_json("codes", codes + "}");
  if (source_count_ > 0) event.add_json(words.sources, sources + "]");
  if (others_ > 0) event.add(words.others, others_);
  event.add("first", base::format_rfc3339(first_)).add("last", base::format_rfc3339(last_));
  total_ = others_ = 0;
  code_count_ = source_count_ = 0;
  return event;
}

}  // namespace claviger::gateway
