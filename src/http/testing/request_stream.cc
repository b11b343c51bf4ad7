// SPDX-License-Identifier: Apache-2.0
#include "http/testing/request_stream.h"

#include <algorithm>

namespace claviger::http::testing {
namespace {

std::string describe(const RequestReading& reading) {
  static constexpr std::string_view kVerdicts[] = {"accepted", "refused", "incomplete"};
  std::string text(kVerdicts[static_cast<std::size_t>(reading.verdict)]);
  text += " after " + std::to_string(reading.requests.size()) + " requests, " +
          std::to_string(reading.consumed) + " bytes";
  if (!reading.why.empty()) text += " (" + reading.why + ")";
  return text;
}

Result<Verdict> read_request(Arrivals& arrivals, const HeadLimits& limits, PlainRequest& out) {
  RequestHead head;
  const std::string_view text = CLV_TRY(arrivals.take_head(limits, Blame::kCaller));
  if (text.empty()) return Verdict::kIncomplete;
  CLV_TRY_VOID(parse_request_head(text, limits, head));
  out = plain(head);
  BodyReader body(head.framing, head.content_length, Blame::kCaller);
  return arrivals.take_body(body, out.body);
}

// What can end a head or a body that has begun: whatever the parser refused early, none of these saves.
bool could_become_whole(const std::string& input, const HeadLimits& limits, std::size_t requests) {
  for (const char* const end :
       {"\n", "\r\n", "\n\r\n", "\r\n\r\n", "\r\n0\r\n\r\n", "0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n",
        " / HTTP/1.1\r\nHost: h\r\n\r\n", "/ HTTP/1.1\r\nHost: h\r\n\r\n", "1.1\r\nHost: h\r\n\r\n",
        "\r\nHost: h\r\n\r\n", ": h\r\n\r\n", "xxxxxxxxxx"}) {
    if (read_requests_with_reference(input + end, limits).requests.size() > requests) return true;
  }
  return false;
}

std::string find_difference_from_reference(const std::string& input, const HeadLimits& limits,
                                           const RequestReading& seen) {
  const RequestReading expected = read_requests_with_reference(input, limits);
  const std::string both = "reference: " + describe(expected) + "; parser: " + describe(seen);
  const bool early = expected.verdict == Verdict::kIncomplete && seen.verdict == Verdict::kRefused;
  if (!early && expected.verdict != seen.verdict) return both;
  if (expected.requests.size() != seen.requests.size() || expected.consumed != seen.consumed) return both;
  for (std::size_t i = 0; i < expected.requests.size(); ++i) {
    if (expected.requests[i] != seen.requests[i])
      return "request " + std::to_string(i) + " reads differently";
  }
  if (early && could_become_whole(input, limits, expected.requests.size())) {
    return "refused too early; " + both;
  }
  return "";
}

std::string find_difference_from_itself(const RequestReading& whole, const RequestReading& pieces,
                                        const std::string& how) {
  const bool same = whole.verdict == pieces.verdict && whole.why == pieces.why && whole.code == pieces.code &&
                    whole.consumed == pieces.consumed && whole.requests == pieces.requests;
  return same ? "" : "at once: " + describe(whole) + "; " + how + ": " + describe(pieces);
}

}  // namespace

PlainRequest plain(const RequestHead& head) {
  PlainRequest out{std::string(head.method_text),
                   std::string(head.target),
                   std::string(head.path),
                   std::string(head.query),
                   head.has_query,
                   head.minor,
                   std::string(head.host),
                   head.framing,
                   head.content_length,
                   head.keep_alive,
                   head.expects_continue,
                   {},
                   {}};
  for (const Field& field : head.fields) out.fields.emplace_back(field.name, field.value);
  return out;
}

RequestReading read_requests(std::string_view input, const HeadLimits& limits, const Cuts& cuts) {
  Arrivals arrivals(input, cuts);
  RequestReading reading;
  while (!arrivals.is_over()) {
    PlainRequest request;
    const auto step = read_request(arrivals, limits, request);
    reading.verdict = step.has_value() ? *step : Verdict::kRefused;
    if (!step.has_value()) {
      reading.why = step.error().what();
      reading.code = step.error().code();
    }
    if (reading.verdict != Verdict::kAccepted) break;
    reading.requests.push_back(std::move(request));
    reading.consumed = arrivals.consumed();
  }
  return reading;
}

RequestReading read_requests_with_reference(const std::string& input, const HeadLimits& limits) {
  RequestReading reading;
  while (reading.consumed < input.size()) {
    const std::string rest = input.substr(reading.consumed);
    ReferenceHead head = reference_request_head(rest, limits);
    reading.verdict = head.verdict;
    if (head.verdict != Verdict::kAccepted) return reading;
    std::size_t size = head.size;
    if (head.request.framing == Framing::kLength) {
      if (rest.size() - size < head.request.content_length) {
        reading.verdict = Verdict::kIncomplete;
        return reading;
      }
      head.request.body = rest.substr(size, head.request.content_length);
      size += head.request.content_length;
    }
    if (head.request.framing == Framing::kChunked) {
      ReferenceBody body = reference_chunked_body(rest.substr(size));
      reading.verdict = body.verdict;
      if (body.verdict != Verdict::kAccepted) return reading;
      head.request.body = body.data;
      size += body.size;
    }
    reading.requests.push_back(std::move(head.request));
    reading.consumed += size;
  }
  return reading;
}

std::string find_difference(std::string_view input, const HeadLimits& limits) {
  const RequestReading whole = read_requests(input, limits);
  // Byte by byte; more at a time for long inputs, since each arrival looks at a copy of all there is.
  const RequestReading bytes = read_requests(input, limits, cut_every(input.size(), 1 + input.size() / 1024));
  std::string difference = find_difference_from_itself(whole, bytes, "byte by byte");
  for (std::uint32_t seed = 0; seed < 4 && difference.empty(); ++seed) {
    const Cuts cuts = cut_somewhere(input.size(), seed + static_cast<std::uint32_t>(input.size()));
    difference = find_difference_from_itself(whole, read_requests(input, limits, cuts), "in pieces");
  }
  if (!difference.empty()) return difference;
  return find_difference_from_reference(std::string(input), limits, whole);
}

std::string find_difference_when_split(std::string_view input, const HeadLimits& limits) {
  const RequestReading whole = read_requests(input, limits);
  for (std::size_t at = 1; at < input.size(); ++at) {
    std::string difference = find_difference_from_itself(whole, read_requests(input, limits, Cuts{at}),
                                                         "split at " + std::to_string(at));
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace claviger::http::testing
