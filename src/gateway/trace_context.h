// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "http/message.h"

namespace claviger::gateway {

// W3C Trace Context (https://www.w3.org/TR/trace-context/): the trace of the caller's that a call is part of.
// A value: the ids are copied out of the head. Ids are lower-case hex, as they came.
struct TraceContext {
  enum class State : std::uint8_t {
    kUnread,
    kNone,  // no traceparent, or none that is valid
    kContinued,  // the caller's
    kBegun,  // there was none, and the gateway is told to begin one
  };
  State state = State::kUnread;
  std::uint8_t flags = 0;  // those that are defined: 1 sampled, 2 random
  std::array<char, 32> trace_id{};

  bool is_there() const noexcept { return state == State::kContinued || state == State::kBegun; }
  std::string_view id() const noexcept {
    return is_there() ? std::string_view(trace_id.data(), trace_id.size()) : std::string_view();
  }
};

// The value of a traceparent field; kNone for what the recommendation does not let stand. Of versions to come, what it
// says they have in common with this one.
TraceContext parse_traceparent(std::string_view value) noexcept;

// Of a head: valid, and there exactly once.
TraceContext find_trace(const http::Fields& fields) noexcept;

// One that nobody asked us to sample. `id`: 32 hex digits, not all of them zero; used up by this.
TraceContext begin_trace(std::string_view id) noexcept;

// "00-<trace>-<span>-<flags>". Requires: trace.is_there(); 16 digits in `span_id`.
inline constexpr std::size_t kTraceparentSize = 55;
std::array<char, kTraceparentSize> write_traceparent(const TraceContext& trace,
                                                     std::string_view span_id) noexcept;

}  // namespace claviger::gateway
