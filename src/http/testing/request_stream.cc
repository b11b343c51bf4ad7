// SPDX-License-Identifier: Apache-2.0
#include "http/testing/request_stream.h"

#include <algorithm>

#include "http/body.h"

namespace claviger::http::testing {
namespace {

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

// A connection whose bytes come in pieces, each in memory of exactly its size: a sanitizer sees a parser
// that looks past it.
class PieceReader {
 public:
  PieceReader(std::string_view input, const HeadLimits& limits, std::size_t piece)
      : input_(input), limits_(limits), piece_(piece) {}

  StreamReading run() {
    StreamReading reading;
    while (at_ < input_.size() && reading.verdict == Verdict::kAccepted) {
      PlainRequest request;
      const auto head = read_head(request);
      if (head.has_value() && *head == Verdict::kAccepted) {
        const auto body = read_body(request);
        settle(body, reading);
      } else {
        settle(head, reading);
      }
      if (reading.verdict == Verdict::kAccepted) reading.requests.push_back(std::move(request));
    }
    return reading;
  }

 private:
  static void settle(const Result<Verdict>& step, StreamReading& reading) {
    reading.verdict = step.has_value() ? *step : Verdict::kRefused;
    if (!step.has_value()) reading.why = step.error().what();
  }

  Result<Verdict> read_head(PlainRequest& request) {
    HeadScanner scanner;
    for (std::size_t size = piece_;; size += piece_) {
      const std::string_view seen = input_.substr(at_, size);
      const std::vector<char> exact(seen.begin(), seen.end());
      const std::size_t head_size =
          CLV_TRY(scanner.scan({exact.data(), exact.size()}, limits_, Blame::kCaller));
      if (head_size > 0) {
        const std::vector<char> head(exact.begin(), exact.begin() + static_cast<std::ptrdiff_t>(head_size));
        CLV_TRY_VOID(parse_request_head({head.data(), head.size()}, limits_, head_));
        request = plain(head_);
        at_ += head_size;
        return Verdict::kAccepted;
      }
      if (seen.size() == input_.size() - at_) return Verdict::kIncomplete;
    }
  }

  Result<Verdict> read_body(PlainRequest& request) {
    BodyReader body(head_.framing, head_.content_length, Blame::kCaller);
    while (!body.is_done()) {
      const std::string_view seen = input_.substr(at_, piece_);
      if (seen.empty()) return Verdict::kIncomplete;
      const std::vector<char> exact(seen.begin(), seen.end());
      const BodyReader::Step step = CLV_TRY(body.next({exact.data(), exact.size()}));
      request.body += step.data;
      at_ += step.consumed;
    }
    return Verdict::kAccepted;
  }

  std::string_view input_;
  HeadLimits limits_;
  std::size_t piece_;
  std::size_t at_ = 0;
  RequestHead head_;
};

std::string describe(const StreamReading& reading) {
  static constexpr std::string_view kVerdicts[] = {"accepted", "refused", "incomplete"};
  std::string text(kVerdicts[static_cast<std::size_t>(reading.verdict)]);
  text += " after " + std::to_string(reading.requests.size()) + " requests";
  if (!reading.why.empty()) text += " (" + reading.why + ")";
  return text;
}

}  // namespace

StreamReading read_stream(std::string_view input, const HeadLimits& limits, std::size_t piece) {
  return PieceReader(input, limits, piece).run();
}

StreamReading read_stream_with_reference(const std::string& input, const HeadLimits& limits) {
  StreamReading reading;
  std::string rest = input;
  while (!rest.empty()) {
    ReferenceHead head = reference_request_head(rest, limits);
    reading.verdict = head.verdict;
    if (head.verdict != Verdict::kAccepted) return reading;
    rest = rest.substr(head.size);
    if (head.request.framing == Framing::kLength) {
      if (rest.size() < head.request.content_length) {
        reading.verdict = Verdict::kIncomplete;
        return reading;
      }
      head.request.body = rest.substr(0, head.request.content_length);
      rest = rest.substr(head.request.content_length);
    }
    if (head.request.framing == Framing::kChunked) {
      ReferenceBody body = reference_chunked_body(rest);
      reading.verdict = body.verdict;
      if (body.verdict != Verdict::kAccepted) return reading;
      head.request.body = body.data;
      rest = rest.substr(body.size);
    }
    reading.requests.push_back(std::move(head.request));
  }
  return reading;
}

std::string find_difference(std::string_view input, const HeadLimits& limits) {
  const StreamReading expected = read_stream_with_reference(std::string(input), limits);
  const StreamReading whole = read_stream(input, limits, std::max<std::size_t>(input.size(), 1));
  // Byte by byte; more at a time for long inputs, since each arrival looks at a copy of all there is.
  const StreamReading pieces = read_stream(input, limits, 1 + input.size() / 1024);
  if (whole.verdict != pieces.verdict || whole.why != pieces.why || whole.requests != pieces.requests) {
    return "at once: " + describe(whole) + "; in pieces: " + describe(pieces);
  }
  const bool early = expected.verdict == Verdict::kIncomplete && whole.verdict == Verdict::kRefused;
  if (!early && expected.verdict != whole.verdict) {
    return "reference: " + describe(expected) + "; parser: " + describe(whole);
  }
  for (std::size_t i = 0; i < std::min(expected.requests.size(), whole.requests.size()); ++i) {
    if (expected.requests[i] != whole.requests[i])
      return "request " + std::to_string(i) + " reads differently";
  }
  if (expected.requests.size() != whole.requests.size()) {
    return "reference: " + describe(expected) + "; parser: " + describe(whole);
  }
  return "";
}

}  // namespace claviger::http::testing
