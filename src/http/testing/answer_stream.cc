// SPDX-License-Identifier: Apache-2.0
#include "http/testing/answer_stream.h"

namespace claviger::http::testing {
namespace {

// 101 ends HTTP on the connection, so it counts as final.
bool is_interim(unsigned status) { return status < 200 && status != 101; }

std::string describe(const AnswerReading& reading) {
  static constexpr std::string_view kVerdicts[] = {"accepted", "refused", "incomplete"};
  std::string text(kVerdicts[static_cast<std::size_t>(reading.verdict)]);
  text += " after " + std::to_string(reading.answers.size()) + " answers, " +
          std::to_string(reading.consumed) + " bytes";
  if (!reading.why.empty()) text += " (" + reading.why + ")";
  return text;
}

PlainAnswer plain(const ResponseHead& head) {
  PlainAnswer out{head.status,
                  std::string(head.reason),
                  head.minor,
                  head.framing,
                  head.has_content_length,
                  head.content_length,
                  head.keep_alive,
                  {},
                  {}};
  for (const Field& field : head.fields) out.fields.emplace_back(field.name, field.value);
  return out;
}

Result<Verdict> read_answer(Arrivals& arrivals, const HeadLimits& limits, Method request_method,
                            PlainAnswer& out) {
  ResponseHead head;
  const std::string_view text = CLV_TRY(arrivals.take_head(limits, Blame::kUpstream));
  if (text.empty()) return Verdict::kIncomplete;
  CLV_TRY_VOID(parse_response_head(text, limits, request_method, head));
  out = plain(head);
  BodyReader body(head.framing, head.content_length, Blame::kUpstream);
  return arrivals.take_body(body, out.body);
}

// One answer off the front of `rest`, `size` bytes of it.
Verdict read_answer_with_reference(const std::string& rest, const HeadLimits& limits,
                                   const std::string& request_method, PlainAnswer& out, std::size_t& size) {
  const ReferenceAnswerHead head = reference_answer_head(rest, limits, request_method);
  if (head.verdict != Verdict::kAccepted) return head.verdict;
  out = head.answer;
  size = head.size;
  const std::string after = rest.substr(size);
  if (out.framing == Framing::kChunked) {
    const ReferenceBody body = reference_chunked_body(after);
    out.body = body.data;
    size += body.size;
    return body.verdict;
  }
  if (out.framing == Framing::kNone) return Verdict::kAccepted;
  const bool until_close = out.framing == Framing::kUntilClose;
  if (!until_close && after.size() < out.content_length) return Verdict::kIncomplete;
  out.body = until_close ? after : after.substr(0, out.content_length);
  size += out.body.size();
  return Verdict::kAccepted;
}

std::string find_difference_from_itself(const AnswerReading& whole, const AnswerReading& pieces,
                                        const std::string& how) {
  const bool same = whole.verdict == pieces.verdict && whole.why == pieces.why &&
                    whole.consumed == pieces.consumed && whole.answers == pieces.answers;
  return same ? "" : "at once: " + describe(whole) + "; " + how + ": " + describe(pieces);
}

// What can end an answer that has begun.
bool could_become_whole(const std::string& input, const HeadLimits& limits, const std::string& request_method,
                        std::size_t answers) {
  for (const char* const end :
       {"\n", "\r\n", "\n\r\n", "\r\n\r\n", "0\r\n\r\n", "\r\n0\r\n\r\n", ": x\r\n\r\n", " 200 OK\r\n\r\n",
        "00\r\n\r\n", "1.1 200\r\n\r\n", "xxxxxxxxxx"}) {
    if (read_answers_with_reference(input + end, limits, request_method).answers.size() > answers)
      return true;
  }
  return false;
}

}  // namespace

AnswerReading read_answers(std::string_view input, const HeadLimits& limits, Method request_method,
                           const Cuts& cuts) {
  Arrivals arrivals(input, cuts);
  AnswerReading reading;
  for (bool interim = true; interim;) {
    PlainAnswer answer;
    const auto step = read_answer(arrivals, limits, request_method, answer);
    reading.verdict = step.has_value() ? *step : Verdict::kRefused;
    if (!step.has_value()) reading.why = step.error().what();
    if (reading.verdict != Verdict::kAccepted) break;
    interim = is_interim(answer.status);
    reading.answers.push_back(std::move(answer));
    reading.consumed = arrivals.consumed();
  }
  return reading;
}

AnswerReading read_answers_with_reference(const std::string& input, const HeadLimits& limits,
                                          const std::string& request_method) {
  AnswerReading reading;
  for (bool interim = true; interim;) {
    PlainAnswer answer;
    std::size_t size = 0;
    reading.verdict =
        read_answer_with_reference(input.substr(reading.consumed), limits, request_method, answer, size);
    if (reading.verdict != Verdict::kAccepted) break;
    interim = is_interim(answer.status);
    reading.answers.push_back(std::move(answer));
    reading.consumed += size;
  }
  return reading;
}

std::string find_answer_difference(std::string_view input, const HeadLimits& limits,
                                   const std::string& request_method) {
  const Method method = method_of(request_method);
  const AnswerReading whole = read_answers(input, limits, method);
  const Cuts every = cut_every(input.size(), 1 + input.size() / 1024);
  std::string difference =
      find_difference_from_itself(whole, read_answers(input, limits, method, every), "byte by byte");
  for (std::uint32_t seed = 0; seed < 4 && difference.empty(); ++seed) {
    const Cuts cuts = cut_somewhere(input.size(), seed + static_cast<std::uint32_t>(input.size()));
    difference = find_difference_from_itself(whole, read_answers(input, limits, method, cuts), "in pieces");
  }
  if (!difference.empty()) return difference;

  const std::string text(input);
  const AnswerReading expected = read_answers_with_reference(text, limits, request_method);
  const std::string both = "reference: " + describe(expected) + "; parser: " + describe(whole);
  const bool early = expected.verdict == Verdict::kIncomplete && whole.verdict == Verdict::kRefused;
  if (!early && expected.verdict != whole.verdict) return both;
  if (expected.answers != whole.answers || expected.consumed != whole.consumed) return both;
  if (early && could_become_whole(text, limits, request_method, expected.answers.size()))
    return "refused too early; " + both;
  return "";
}

std::string find_answer_difference_when_split(std::string_view input, const HeadLimits& limits,
                                              const std::string& request_method) {
  const Method method = method_of(request_method);
  const AnswerReading whole = read_answers(input, limits, method);
  for (std::size_t at = 1; at < input.size(); ++at) {
    std::string difference = find_difference_from_itself(whole, read_answers(input, limits, method, Cuts{at}),
                                                         "split at " + std::to_string(at));
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace claviger::http::testing
