// SPDX-License-Identifier: Apache-2.0
#include "gateway/answer_mask.h"

#include "base/parse.h"
#include "credentials/token.h"
#include "http/list.h"

namespace claviger::gateway {
namespace {

using http::FieldName;

template <std::size_t N>
Error cannot_be_searched(const char (&what)[N]) noexcept {
  return Error(Code::kUpstreamFailed, Blame::kUpstream, what);
}

// Whether a field names a coding that changes bytes: `identity` is none (RFC 9110 section 8.4.1).
bool is_coded(const http::Field& field) noexcept {
  bool coded = false;
  http::for_each_element(field.value, [&](std::string_view coding) {
    coded = !base::equals_ignore_case(coding, "identity");
    return !coded;
  });
  return coded;
}

bool has_parts(const http::Field& field) noexcept {
  constexpr std::string_view kType = "multipart/byteranges";
  return base::equals_ignore_case(field.value.substr(0, kType.size()), kType);
}

bool has_body(const http::ResponseHead& answer) noexcept {
  if (answer.framing == http::Framing::kNone) return false;
  return answer.framing != http::Framing::kLength || answer.content_length > 0;
}

}  // namespace

AnswerMask::AnswerMask(Worker& worker, Call& call) noexcept
    : worker_(worker), call_(call), masker_(worker.buffers) {
  if (!call.upstream->masks) return;
  masker_.look_for(call.credential->credential->echoes());
  if (call.token) masker_.look_for(call.token->echoes());
}

// Of an answer to HEAD, or a 304, there is nothing to be searched but the head.
Result<void> AnswerMask::check(const http::ResponseHead& answer) const noexcept {
  if (!is_on() || !has_body(answer)) return ok();
  constexpr unsigned kPartialContent = 206;
  constexpr unsigned kImUsed = 226;
  if (answer.status == kPartialContent)
    return cannot_be_searched(
        "the upstream sent a part (206) where the whole was asked for, which cannot be searched for its "
        "credential");
  if (answer.status == kImUsed)
    return cannot_be_searched(
        "the upstream sent a difference (226), which cannot be searched for its credential");
  for (const http::Field& field : answer.fields) {
    if (field.known == FieldName::kContentEncoding && is_coded(field))
      return cannot_be_searched(
          "the upstream sent a coded answer (Content-Encoding) though none was asked for; it cannot be "
          "searched for its credential");
    if (field.known == FieldName::kContentType && has_parts(field))
      return cannot_be_searched(
          "the upstream sent parts (multipart/byteranges) where the whole was asked for, which cannot be "
          "searched for its credential");
  }
  return ok();
}

Result<void> AnswerMask::mask_head(std::span<char> head) {
  if (!is_on()) return ok();
  CLV_TRY_VOID(mask(head, true, call_.echoes.in_head));
  return ok();
}

Result<AnswerMask::Released> AnswerMask::mask_body(std::span<char> piece, bool is_last) {
  return mask(piece, is_last, call_.echoes.in_body);
}

Result<AnswerMask::Released> AnswerMask::mask(std::span<char> text, bool is_last, std::uint64_t& count) {
  const std::uint64_t before = masker_.found();
  auto released = masker_.mask(text, is_last, {worker_.opener, *this});
  count += masker_.found() - before;
  if (masker_.opened() != opened_) note_openings();
  return released;
}

Result<AnswerMask::Released> AnswerMask::settle() {
  auto released = masker_.settle({worker_.opener, *this});
  if (masker_.opened() != opened_) note_openings();
  return released;
}

// Each opening stands in the record of the call.
void AnswerMask::note_openings() noexcept {
  const std::uint32_t more = masker_.opened() - opened_;
  opened_ = masker_.opened();
  call_.credential_opened += more;
  worker_.metrics.add(telemetry::Counter::kCredentialsOpened, more);
}

std::span<char> AnswerMask::take() noexcept {
  scratch_ = worker_.scratch.take();
  if (!scratch_) return {};
  scratch_.will_use(SecretScratchPool::kSize);
  return scratch_.room();
}

void AnswerMask::give_back(std::size_t used) noexcept {
  scratch_.will_use(used);
  scratch_ = SecretScratch();
}

}  // namespace claviger::gateway
