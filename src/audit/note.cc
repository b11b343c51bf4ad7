// SPDX-License-Identifier: Apache-2.0
#include "audit/note.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "base/parse.h"
#include "crypto/encode.h"

namespace claviger::audit {
namespace {

constexpr std::byte kEd25519{1};
constexpr std::string_view kSignatureMark = "\xe2\x80\x94 ";  // an em dash and a space
constexpr std::size_t kIdSize = 4;
constexpr std::size_t kMaxSignatures = 16;
constexpr std::size_t kMaxName = 128;

template <std::size_t N>
Error invalid(const char (&what)[N]) {
  return Error(Code::kInvalid, Blame::kOperator, what);
}

std::array<std::byte, kIdSize> big_endian(std::uint32_t value) {
  return {std::byte(value >> 24), std::byte(value >> 16 & 0xff), std::byte(value >> 8 & 0xff),
          std::byte(value & 0xff)};
}

struct Signature {
  std::string_view name;
  std::array<std::byte, kIdSize> id;
  std::vector<std::byte> bytes;
};

Result<Signature> parse_signature(std::string_view line) {
  if (!line.starts_with(kSignatureMark))
    return invalid("a signature line begins with an em dash and a space");
  line.remove_prefix(kSignatureMark.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || !is_key_name(line.substr(0, space)))
    return invalid("a signature line does not name a key");
  const std::string_view base64 = line.substr(space + 1);
  std::vector<std::byte> bytes(base64.size() / 4 * 3);
  const crypto::Decoded decoded = crypto::base64_decode(base64, bytes);
  if (!decoded.valid || decoded.size <= kIdSize) return invalid("a signature is not base64");
  Signature signature{line.substr(0, space), {}, {}};
  std::copy_n(bytes.begin(), kIdSize, signature.id.begin());
  signature.bytes.assign(bytes.begin() + kIdSize, bytes.begin() + static_cast<std::ptrdiff_t>(decoded.size));
  return signature;
}

bool has_control(std::string_view text) noexcept {
  return std::ranges::any_of(
      text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == '\x7f'; });
}

bool verifies(const Signature& signature, std::string_view text, const VerifierKey& key) {
  crypto::Ed25519Signature bytes;
  if (signature.bytes.size() != bytes.size()) return false;
  std::ranges::copy(signature.bytes, bytes.begin());
  return crypto::verify_ed25519(key.key, std::as_bytes(std::span(text)), bytes);
}

}  // namespace

std::string to_base64(std::span<const std::byte> data) {
  std::string text(crypto::base64_size(data.size()), '\0');
  crypto::base64_encode(data, text);
  return text;
}

Result<void> parse_base64(std::string_view text, std::span<std::byte> out) {
  if (text.size() != crypto::base64_size(out.size())) return invalid("base64 of another length was expected");
  std::vector<std::byte> bytes(text.size() / 4 * 3);
  const crypto::Decoded decoded = crypto::base64_decode(text, bytes);
  if (!decoded.valid || decoded.size != out.size()) return invalid("malformed base64");
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return ok();
}

Result<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return invalid("a line is missing");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

Result<std::uint64_t> take_number(std::string_view& text) {
  const std::string_view line = CLV_TRY(take_line(text));
  return base::parse_decimal(line);
}

Result<void> take_base64(std::string_view& text, std::span<std::byte> out) {
  const std::string_view line = CLV_TRY(take_line(text));
  return parse_base64(line, out);
}

bool is_key_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMaxName &&
         std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f && c != '+'; });
}

std::uint32_t VerifierKey::id() const {
  std::string text = name;
  text += '\n';
  text += static_cast<char>(kEd25519);
  text.append(reinterpret_cast<const char*>(key.data()), key.size());
  const crypto::Sha256Digest digest = crypto::Sha256().digest(text);
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < kIdSize; ++i) id = id << 8 | std::to_integer<std::uint32_t>(digest[i]);
  return id;
}

std::string VerifierKey::text() const {
  std::array<std::byte, 1 + sizeof(crypto::Ed25519PublicKey)> typed{kEd25519};
  std::ranges::copy(key, typed.begin() + 1);
  return name + "+" + base::format_hex(big_endian(id())) + "+" + to_base64(typed);
}

Result<VerifierKey> parse_verifier_key(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return invalid("a verifier key is <name>+<id>+<base64>");
  VerifierKey key;
  key.name = text.substr(0, first);
  std::array<std::byte, 1 + sizeof(crypto::Ed25519PublicKey)> typed;
  if (!is_key_name(key.name)) return invalid("a verifier key's name has no spaces");
  CLV_TRY_VOID(parse_base64(text.substr(second + 1), typed));
  if (typed[0] != kEd25519) return invalid("a verifier key of another kind than Ed25519");
  std::copy(typed.begin() + 1, typed.end(), key.key.begin());
  if (key.text() != text) return invalid("a verifier key's id does not belong to it");
  return key;
}

std::string sign_note(std::string_view text, const VerifierKey& key, Signer& signer) {
  CLV_CHECK(text.ends_with('\n'));
  const crypto::Ed25519Signature signature = signer.sign(std::as_bytes(std::span(text)));
  std::array<std::byte, kIdSize + sizeof signature> bytes;
  const auto id = big_endian(key.id());
  std::ranges::copy(signature, std::ranges::copy(id, bytes.begin()).out);
  return std::string(text) + "\n" + std::string(kSignatureMark) + key.name + " " + to_base64(bytes) + "\n";
}

Result<std::string_view> open_note(std::string_view note, const VerifierKey& key) {
  if (note.size() > kMaxNote) return invalid("a note is too long");
  if (!base::is_utf8(note) || has_control(note)) return invalid("a note holds bytes that are no text");
  const std::size_t gap = note.rfind("\n\n");
  if (gap == std::string_view::npos) return invalid("a note has no signature");
  const std::string_view text = note.substr(0, gap + 1);
  std::string_view signatures = note.substr(gap + 2);
  const auto id = big_endian(key.id());
  bool is_signed = false;
  for (std::size_t count = 0; count == 0 || !signatures.empty(); ++count) {
    if (count == kMaxSignatures) return invalid("a note has too many signatures");
    const std::string_view line = CLV_TRY(take_line(signatures));
    const Signature signature = CLV_TRY(parse_signature(line));
    if (signature.name != key.name || signature.id != id) continue;
    // One of the key's that is wrong condemns the note, whatever else there is.
    if (is_signed || !verifies(signature, text, key)) return invalid("a signature is wrong");
    is_signed = true;
  }
  if (!is_signed)
    return Error::formatted(Code::kInvalid, Blame::kOperator, "a note is not signed by " + key.text());
  return text;
}

std::string sign_checkpoint(const Checkpoint& checkpoint, const VerifierKey& key, Signer& signer) {
  return sign_note(
      key.name + "\n" + std::to_string(checkpoint.size) + "\n" + to_base64(checkpoint.root) + "\n", key,
      signer);
}

Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key) {
  std::string_view text = CLV_TRY(open_note(note, key));
  Checkpoint checkpoint;
  if (CLV_TRY(take_line(text)) != key.name) return invalid("a checkpoint of another log");
  checkpoint.size = CLV_TRY(take_number(text));
  CLV_TRY_VOID(take_base64(text, checkpoint.root));
  if (!text.empty()) return invalid("a checkpoint has three lines");
  return checkpoint;
}

std::string_view first_note(std::string_view file) noexcept {
  // The empty line that ends a note comes after a signature line; the one inside it, before.
  std::size_t line = 0;
  bool is_signature = false;
  for (std::size_t end; (end = file.find('\n', line)) != std::string_view::npos && line <= kMaxNote;
       line = end + 1) {
    if (end == line && is_signature) return file.substr(0, line);
    is_signature = file.substr(line).starts_with(kSignatureMark);
  }
  return {};
}

NotePlace last_note(std::string_view file) noexcept {
  NotePlace last;
  for (std::size_t end = file.size(); last.end == 0 || last.begin == 0;) {
    const std::size_t gap = end == 0 ? std::string_view::npos : file.substr(0, end).rfind("\n\n");
    if (gap == std::string_view::npos) break;
    const std::size_t before = file.substr(0, gap).rfind('\n');
    const std::size_t line = before == std::string_view::npos ? 0 : before + 1;
    if (file.substr(line).starts_with(kSignatureMark)) (last.end == 0 ? last.end : last.begin) = gap + 2;
    end = gap + 1;
  }
  return last;
}

}  // namespace claviger::audit
