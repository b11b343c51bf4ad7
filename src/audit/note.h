// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "audit/signer.h"
#include "base/result.h"
#include "crypto/ed25519.h"
#include "crypto/hash.h"

namespace claviger::audit {

// Signed notes and checkpoints, as C2SP defines them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), read
// strictly: what this accepts has one reading only. Errors are kInvalid.

// Whose signature is wanted: "<name>+<key id, 8 hex digits>+<base64 of 0x01 and the Ed25519 key>".
struct VerifierKey {
  std::string name;
  crypto::Ed25519PublicKey key{};

  // The first four bytes of SHA-256(name, 0x0A, 0x01, key), big-endian.
  std::uint32_t id() const;
  std::string text() const;
  bool operator==(const VerifierKey&) const = default;
};
Result<VerifierKey> parse_verifier_key(std::string_view text);
// 1 to 128 printable ASCII characters, none of them a space or '+'.
bool is_key_name(std::string_view name) noexcept;

inline constexpr std::size_t kMaxNote = std::size_t{16} << 10;

// `text`, an empty line and one signature line. Requires: text ends with a line end.
std::string sign_note(std::string_view text, const VerifierKey& key, Signer& signer);
// The text of a note that `key` signed; signatures of others are passed over, as the format wants it.
Result<std::string_view> open_note(std::string_view note, const VerifierKey& key);

// The tree of the first `size` events. Its origin is the name of the key that signs it.
struct Checkpoint {
  std::uint64_t size = 0;
  crypto::Sha256Digest root{};
  bool operator==(const Checkpoint&) const = default;
};
std::string sign_checkpoint(const Checkpoint& checkpoint, const VerifierKey& key, Signer& signer);
Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key);

// The file `checkpoints`: notes, an empty line behind each.
// The first note of `file`, without that empty line; nothing when `file` does not begin with a whole one.
std::string_view first_note(std::string_view file) noexcept;
// Where the last whole note of `file` begins and ends (behind its empty line); both 0 when there is none. `file` may be
// the last part of a longer one, of at least 2 * kMaxNote bytes.
struct NotePlace {
  std::size_t begin = 0;
  std::size_t end = 0;
};
NotePlace last_note(std::string_view file) noexcept;

// Base64 (RFC 4648 section 4) of what is no secret.
std::string to_base64(std::span<const std::byte> data);
Result<void> parse_base64(std::string_view text, std::span<std::byte> out);

// Take the next line, without its end, off the front of `text`: as it is, as a decimal number, as base64 of just
// so many bytes. kInvalid when it is not there.
Result<std::string_view> take_line(std::string_view& text);
Result<std::uint64_t> take_number(std::string_view& text);
Result<void> take_base64(std::string_view& text, std::span<std::byte> out);

}  // namespace claviger::audit
