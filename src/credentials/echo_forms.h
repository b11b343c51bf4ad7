// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace claviger::credentials {

// The ways in which an upstream that shows what it got writes a secret down. Each is one text for a secret; of most secrets many look
// the same. What is put on in several layers (percent-encoding of base64, say), broken over lines, or computed is none of these.
enum class EchoForm : std::uint8_t {
  kRaw,
  // Within a JSON string: what has to be escaped; the slash as well; what means something in HTML as well (\u003c).
  kJson,
  kJsonSlash,
  kJsonHtml,
  // Percent-encoded, with upper and with lower case digits: all but RFC 3986's unreserved characters, but what encodeURIComponent leaves, but
  // the slash as well, but what may stand in a path's segment, as forms have it (application/x-www-form-urlencoded), and every byte.
  kPercent,
  kPercentLower,
  kComponent,
  kComponentLower,
  kPath,
  kPathLower,
  kSegment,
  kSegmentLower,
  kFormData,
  kFormDataLower,
  kEveryByte,
  kEveryByteLower,
  // Within the base64 of something, behind so many bytes modulo 3: the characters that the secret alone decides, and the last, of which it
  // decides some bits. What it decides of the character before (at most four bits) is not looked at.
  kBase64At0,
  kBase64At1,
  kBase64At2,
  kBase64UrlAt0,
  kBase64UrlAt1,
  kBase64UrlAt2,
  kCount,
};

// A text in two pieces, one behind the other.
struct TwoPieces {
  std::string_view front;
  std::string_view back;
  std::size_t size() const noexcept { return front.size() + back.size(); }
  char operator[](std::size_t at) const noexcept {
    return at < front.size() ? front[at] : back[at - front.size()];
  }
};

struct Compared {
  enum class Kind : std::uint8_t {
    kNo,
    kBegins,  // all there is of the text from there on is the beginning of it
    kWhole,
  };
  Kind kind = Kind::kNo;
  std::size_t size = 0;  // of it in the text, with kWhole
  std::size_t work = 1;  // what it took, in bytes one at a time
};

// Whether `text` has the secret, written like that, at `start`. `is_last`: no more text follows.
Compared compare(EchoForm form, std::string_view secret, const TwoPieces& text, std::size_t start,
                 bool is_last) noexcept;

// Whether the text from `start` on, of which `text` is all there is yet, may be taken for the beginning of the form: by whole blocks of so
// many bytes of the secret alone, of which there has to be one. What is left of it is not looked at, so that nobody finds out less than a
// block at once by the answer. No: where there is as much text as the whole form has.
bool begins_in_blocks(EchoForm form, std::string_view secret, const TwoPieces& text, std::size_t start,
                      std::size_t block) noexcept;

// How long the form is in a text at most.
std::size_t size_of(EchoForm form, std::string_view secret) noexcept;

// Whether a byte may stand in a form of a secret that has nothing in it but letters, digits and what tokens, base64 and URLs have besides.
bool is_of_tokens(char c) noexcept;

// Whether the form of this secret is another text than those before it in the list.
bool looks_different(EchoForm form, std::string_view secret) noexcept;

// Writes the first `size` bytes of the form. Requires: it has as many (every form has at least as many as the secret, and base64 of 16
// bytes 20).
void write_beginning(EchoForm form, std::string_view secret, char* out, std::size_t size) noexcept;

}  // namespace claviger::credentials
