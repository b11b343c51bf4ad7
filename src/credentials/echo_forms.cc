// SPDX-License-Identifier: Apache-2.0
#include "credentials/echo_forms.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/secret_arena.h"

namespace claviger::credentials {
namespace {

constexpr std::size_t kLongest = 6;  // "\u001f", of one byte

constexpr bool is_alphanumeric(unsigned char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

constexpr bool is_one_of(char c, std::string_view list) noexcept {
  return list.find(c) != std::string_view::npos;
}

// --- Byte by byte --------------------------------------------------------------------------------

std::size_t put(std::string_view text, char* out) noexcept {
  std::memcpy(out, text.data(), text.size());
  return text.size();
}

std::size_t put_unicode(unsigned char octet, char* out) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  put("\\u00", out);
  out[4] = kDigits[octet >> 4];
  out[5] = kDigits[octet & 15];
  return kLongest;
}

std::size_t put_json(EchoForm form, char c, char* out) noexcept {
  switch (c) {
    case '"':
      return put("\\\"", out);
    case '\\':
      return put("\\\\", out);
    case '\b':
      return put("\\b", out);
    case '\t':
      return put("\\t", out);
    case '\n':
      return put("\\n", out);
    case '\f':
      return put("\\f", out);
    case '\r':
      return put("\\r", out);
    default:
      break;
  }
  const auto octet = static_cast<unsigned char>(c);
  if (octet < 0x20 || (form == EchoForm::kJsonHtml && is_one_of(c, "<>&"))) return put_unicode(octet, out);
  if (form == EchoForm::kJsonSlash && c == '/') return put("\\/", out);
  return put({&c, 1}, out);
}

// What stands for itself, beside letters and digits.
std::string_view plain_of(EchoForm form) noexcept {
  switch (form) {
    case EchoForm::kPercent:
    case EchoForm::kPercentLower:
      return "-._~";
    case EchoForm::kComponent:
    case EchoForm::kComponentLower:
      return "-._~!*'()";
    case EchoForm::kPath:
    case EchoForm::kPathLower:
      return "-._~/";
    case EchoForm::kSegment:
    case EchoForm::kSegmentLower:
      return "-._~!$&'()*+,;=:@";
    default:
      return "-._*";  // kFormData
  }
}

bool has_lower_digits(EchoForm form) noexcept {
  switch (form) {
    case EchoForm::kPercentLower:
    case EchoForm::kComponentLower:
    case EchoForm::kPathLower:
    case EchoForm::kSegmentLower:
    case EchoForm::kFormDataLower:
    case EchoForm::kEveryByteLower:
      return true;
    default:
      return false;
  }
}

std::size_t put_percent(EchoForm form, char c, char* out) noexcept {
  const auto octet = static_cast<unsigned char>(c);
  const bool is_every = form == EchoForm::kEveryByte || form == EchoForm::kEveryByteLower;
  const bool is_form = form == EchoForm::kFormData || form == EchoForm::kFormDataLower;
  if (is_form && c == ' ') return put("+", out);
  if (!is_every && (is_alphanumeric(octet) || is_one_of(c, plain_of(form)))) return put({&c, 1}, out);
  const std::string_view digits = has_lower_digits(form) ? "0123456789abcdef" : "0123456789ABCDEF";
  out[0] = '%';
  out[1] = digits[octet >> 4];
  out[2] = digits[octet & 15];
  return 3;
}

// At most kLongest characters.
std::size_t put_octet(EchoForm form, char c, char* out) noexcept {
  switch (form) {
    case EchoForm::kRaw:
      return put({&c, 1}, out);
    case EchoForm::kJson:
    case EchoForm::kJsonSlash:
    case EchoForm::kJsonHtml:
      return put_json(form, c, out);
    default:
      return put_percent(form, c, out);
  }
}

// --- Base64 --------------------------------------------------------------------------------------

bool is_base64(EchoForm form) noexcept { return form >= EchoForm::kBase64At0; }

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The characters of a secret's base64, at one alignment.
class Sextets {
 public:
  Sextets(EchoForm form, std::string_view secret) noexcept
      : alphabet_(form >= EchoForm::kBase64UrlAt0 ? kUrlAlphabet : kAlphabet), secret_(secret) {
    const auto first = form >= EchoForm::kBase64UrlAt0 ? EchoForm::kBase64UrlAt0 : EchoForm::kBase64At0;
    constexpr std::array<std::size_t, 3> kSkippedBits{0, 4, 2};
    skipped_ = kSkippedBits[static_cast<std::size_t>(form) - static_cast<std::size_t>(first)];
  }

  // Characters that the secret alone decides, and how many bits it has left for the one behind them.
  std::size_t count() const noexcept { return bits() / 6; }
  unsigned rest() const noexcept { return static_cast<unsigned>(bits() % 6); }

  unsigned value(std::size_t index) const noexcept { return window(skipped_ + 6 * index); }
  char character(std::size_t index) const noexcept { return alphabet_[value(index)]; }
  // Whether `c` may stand behind them: its upper bits are the secret's last.
  bool may_follow(char c) const noexcept {
    const std::size_t value = alphabet_.find(c);
    return value != std::string_view::npos && value >> (6 - rest()) == last_bits();
  }
  unsigned last_bits() const noexcept { return window(skipped_ + 6 * count()) >> (6 - rest()); }

 private:
  std::size_t bits() const noexcept { return 8 * secret_.size() - skipped_; }
  unsigned window(std::size_t bit) const noexcept {
    const std::size_t at = bit / 8;
    const unsigned high = static_cast<unsigned char>(secret_[at]);
    const unsigned low = at + 1 < secret_.size() ? static_cast<unsigned char>(secret_[at + 1]) : 0U;
    return (high << 8 | low) >> (10 - bit % 8) & 63U;
  }

  std::string_view alphabet_;
  std::string_view secret_;
  std::size_t skipped_ = 0;
};

Compared begins(bool is_last, std::size_t work) noexcept {
  return {is_last ? Compared::Kind::kNo : Compared::Kind::kBegins, 0, work + 1};
}

Compared compare_base64(EchoForm form, std::string_view secret, const TwoPieces& text, std::size_t start,
                        bool is_last) noexcept {
  const Sextets sextets(form, secret);
  const std::size_t count = sextets.count();
  for (std::size_t i = 0; i < count; ++i) {
    if (start + i == text.size()) return begins(is_last, i);
    if (text[start + i] != sextets.character(i)) return {.work = i + 1};
  }
  if (sextets.rest() == 0) return {Compared::Kind::kWhole, count, count};
  if (start + count == text.size() && !is_last) return begins(is_last, count);
  const bool has_more = start + count < text.size() && sextets.may_follow(text[start + count]);
  return {Compared::Kind::kWhole, has_more ? count + 1 : count, count};
}

bool begins_in_blocks_of_base64(EchoForm form, std::string_view secret, const TwoPieces& text,
                                std::size_t start, std::size_t block) noexcept {
  const Sextets sextets(form, secret);
  const std::size_t size = (8 * block + 5) / 6;
  if (text.size() - start >= sextets.count() + (sextets.rest() != 0 ? 1 : 0)) return false;
  const std::size_t blocks = std::min(sextets.count(), text.size() - start) / size;
  bool is_same = blocks > 0;
  for (std::size_t i = 0; i < blocks * size; ++i)
    is_same = is_same & (text[start + i] == sextets.character(i));
  return is_same;
}

// Of both alphabets the same, unless one of the last two of its 64 characters may stand in it.
bool has_last_characters(EchoForm form, std::string_view secret) noexcept {
  const Sextets sextets(form, secret);
  for (std::size_t i = 0; i < sextets.count(); ++i)
    if (sextets.value(i) >= 62) return true;
  return sextets.rest() != 0 && sextets.last_bits() == (1U << sextets.rest()) - 1;
}

// Most of all comparisons: of what stands there as it is, in one piece.
Compared compare_raw(std::string_view secret, std::string_view text, bool is_last) noexcept {
  constexpr std::size_t kAtOnce = 16;
  const std::size_t size = std::min(secret.size(), text.size());
  const std::size_t front = std::min(size, kAtOnce);
  if (std::memcmp(secret.data(), text.data(), front) != 0) return {};
  const std::size_t work = size / kAtOnce + 1;
  if (std::memcmp(secret.data() + front, text.data() + front, size - front) != 0) return {.work = work};
  return size == secret.size() ? Compared{Compared::Kind::kWhole, size, work} : begins(is_last, work);
}

}  // namespace

Compared compare(EchoForm form, std::string_view secret, const TwoPieces& text, std::size_t start,
                 bool is_last) noexcept {
  if (is_base64(form)) return compare_base64(form, secret, text, start, is_last);
  if (form == EchoForm::kRaw && start >= text.front.size())
    return compare_raw(secret, text.back.substr(start - text.front.size()), is_last);
  std::size_t at = start;
  std::array<char, kLongest> written;
  auto kind = Compared::Kind::kWhole;
  for (const char c : secret) {
    const std::size_t size = put_octet(form, c, written.data());
    for (std::size_t i = 0; i < size && kind == Compared::Kind::kWhole; ++i, ++at) {
      if (at == text.size()) kind = begins(is_last, 0).kind;
      else if (text[at] != written[i]) kind = Compared::Kind::kNo;
    }
    if (kind != Compared::Kind::kWhole) break;
  }
  base::wipe(written.data(), written.size());
  return {kind, kind == Compared::Kind::kWhole ? at - start : 0, at - start + 1};
}

bool begins_in_blocks(EchoForm form, std::string_view secret, const TwoPieces& text, std::size_t start,
                      std::size_t block) noexcept {
  if (is_base64(form)) return begins_in_blocks_of_base64(form, secret, text, start, block);
  std::array<char, kLongest> written;
  std::size_t at = start;
  std::size_t blocks = 0;
  bool is_same = true;
  bool is_same_in_block = true;
  bool is_cut = false;
  for (std::size_t i = 0; i < secret.size(); ++i) {
    const std::size_t size = put_octet(form, secret[i], written.data());
    is_cut = text.size() - at < size;
    if (is_cut) break;
    for (std::size_t k = 0; k < size; ++k, ++at)
      is_same_in_block = is_same_in_block & (text[at] == written[k]);
    if ((i + 1) % block != 0) continue;
    ++blocks;
    is_same = is_same & is_same_in_block;
  }
  base::wipe(written.data(), written.size());
  return blocks > 0 && is_same && is_cut;
}

std::size_t size_of(EchoForm form, std::string_view secret) noexcept {
  if (is_base64(form)) {
    const Sextets sextets(form, secret);
    return sextets.count() + (sextets.rest() != 0 ? 1 : 0);
  }
  std::size_t size = 0;
  std::array<char, kLongest> written;
  for (const char c : secret) size += put_octet(form, c, written.data());
  base::wipe(written.data(), written.size());
  return size;
}

bool is_of_tokens(char c) noexcept {
  static constexpr auto kTable = [] {
    std::array<bool, 256> table{};
    for (unsigned each = 0; each < table.size(); ++each)
      table[each] = is_alphanumeric(static_cast<unsigned char>(each)) ||
                    is_one_of(static_cast<char>(each), "-._~+/=:%\\@");
    return table;
  }();
  return kTable[static_cast<unsigned char>(c)];
}

bool looks_different(EchoForm form, std::string_view secret) noexcept {
  if (form >= EchoForm::kBase64UrlAt0) return has_last_characters(form, secret);
  if (is_base64(form)) return true;
  const auto differs = [&](EchoForm other) {
    return std::ranges::any_of(secret, [&](char c) {
      std::array<char, kLongest> one;
      std::array<char, kLongest> two;
      const std::size_t size = put_octet(form, c, one.data());
      return size != put_octet(other, c, two.data()) || std::memcmp(one.data(), two.data(), size) != 0;
    });
  };
  for (auto other = static_cast<std::size_t>(0); other < static_cast<std::size_t>(form); ++other)
    if (!differs(static_cast<EchoForm>(other))) return false;
  return true;
}

void write_beginning(EchoForm form, std::string_view secret, char* out, std::size_t size) noexcept {
  if (is_base64(form)) {
    const Sextets sextets(form, secret);
    for (std::size_t i = 0; i < size; ++i) out[i] = sextets.character(i);
    return;
  }
  std::size_t at = 0;
  std::array<char, kLongest> written;
  for (std::size_t i = 0; at < size; ++i) {
    const std::size_t more = std::min(put_octet(form, secret[i], written.data()), size - at);
    std::memcpy(out + at, written.data(), more);
    at += more;
  }
  base::wipe(written.data(), written.size());
}

}  // namespace claviger::credentials
