// SPDX-License-Identifier: Apache-2.0
#include "gateway/trace_context.h"

#include <algorithm>

namespace claviger::gateway {
namespace {

// version "-" trace-id "-" parent-id "-" trace-flags
constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kTraceSize = 32;
constexpr std::size_t kParentAt = kTraceAt + kTraceSize + 1;
constexpr std::size_t kParentSize = 16;
constexpr std::size_t kFlagsAt = kParentAt + kParentSize + 1;
static_assert(kFlagsAt + 2 == kTraceparentSize);
constexpr std::uint8_t kDefinedFlags = 0x03;

constexpr char kDigits[] = "0123456789abcdef";

// -1 for what is no digit; upper case is none here.
constexpr int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return digit_of(c) >= 0; });
}

bool is_id(std::string_view text) noexcept {
  return is_hex(text) && std::ranges::any_of(text, [](char c) { return c != '0'; });
}

// "ff" is no version. What a later one has beyond ours comes behind one more '-'.
bool has_good_version(std::string_view value) noexcept {
  const std::string_view version = value.substr(0, 2);
  if (!is_hex(version) || version == "ff") return false;
  if (value.size() == kTraceparentSize) return true;
  return version != "00" && value[kTraceparentSize] == '-';
}

}  // namespace

TraceContext parse_traceparent(std::string_view value) noexcept {
  TraceContext trace;
  trace.state = TraceContext::State::kNone;
  if (value.size() < kTraceparentSize || !has_good_version(value)) return trace;
  if (value[kTraceAt - 1] != '-' || value[kParentAt - 1] != '-' || value[kFlagsAt - 1] != '-') return trace;
  const std::string_view id = value.substr(kTraceAt, kTraceSize);
  const std::string_view flags = value.substr(kFlagsAt, 2);
  if (!is_id(id) || !is_id(value.substr(kParentAt, kParentSize)) || !is_hex(flags)) return trace;
  std::ranges::copy(id, trace.trace_id.begin());
  trace.flags = static_cast<std::uint8_t>(digit_of(flags[0]) << 4 | digit_of(flags[1])) & kDefinedFlags;
  trace.state = TraceContext::State::kContinued;
  return trace;
}

TraceContext find_trace(const http::Fields& fields) noexcept {
  const http::Field* found = nullptr;
  bool is_one = false;
  for (const http::Field& field : fields) {
    if (field.known != http::FieldName::kTraceparent) continue;
    is_one = found == nullptr;
    found = &field;
  }
  return parse_traceparent(is_one ? found->value : std::string_view());
}

TraceContext begin_trace(std::string_view id) noexcept {
  TraceContext trace;
  std::copy_n(id.data(), kTraceSize, trace.trace_id.begin());
  trace.state = TraceContext::State::kBegun;
  return trace;
}

std::array<char, kTraceparentSize> write_traceparent(const TraceContext& trace,
                                                     std::string_view span_id) noexcept {
  std::array<char, kTraceparentSize> text{};
  std::ranges::copy(std::string_view("00-"), text.begin());
  std::ranges::copy(trace.trace_id, text.begin() + kTraceAt);
  text[kParentAt - 1] = text[kFlagsAt - 1] = '-';
  std::copy_n(span_id.data(), kParentSize, text.begin() + kParentAt);
  text[kFlagsAt] = kDigits[trace.flags >> 4];
  text[kFlagsAt + 1] = kDigits[trace.flags & 15];
  return text;
}

}  // namespace claviger::gateway
