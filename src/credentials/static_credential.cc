// SPDX-License-Identifier: Apache-2.0
#include "credentials/static_credential.h"

#include <algorithm>
#include <span>

namespace claviger::credentials {
namespace {

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

StaticCredential::StaticCredential(std::string name, Spot spot, std::string target, vault::Sealed value,
                                   EchoMarks echoes)
    : Credential(std::move(name), std::move(echoes)),
      spot_(spot),
      target_(std::move(target)),
      value_(std::move(value)) {}

Result<void> StaticCredential::write_query(http::HeadWriter& out, const Attaching& with) const {
  if (spot_ != Spot::kQuery) return ok();
  out.append(target_);
  out.append('=');
  return open_into(out, with.opener);
}

Result<void> StaticCredential::write_fields(http::HeadWriter& out, const Attaching& with) const {
  if (spot_ != Spot::kField) return ok();
  out.append(target_);
  out.append(": ");
  CLV_TRY_VOID(open_into(out, with.opener));
  out.append("\r\n");
  return ok();
}

// A writer that is too small says so by fits(), as with any other text.
Result<void> StaticCredential::open_into(http::HeadWriter& out, vault::Opener& opener) const {
  const std::span<char> room = out.reserve(value_.plain_size());
  if (room.empty()) return ok();
  const Result<void> opened = opener.open(value_, std::as_writable_bytes(room));
  if (!opened.has_value()) base::wipe(room.data(), room.size());
  return opened;
}

Error unusable(std::string_view credential, std::string_view what) {
  std::string text("credential '");
  text.append(credential).append("': ").append(what);
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(text));
}

bool is_field_text(std::string_view text) noexcept { return std::ranges::none_of(text, is_control); }

Result<void> check_secret(std::string_view credential, std::string_view secret) {
  if (secret.empty()) return unusable(credential, "its secret is empty");
  if (secret.size() > kMaxSecretSize) return unusable(credential, "its secret is over 16 KiB");
  if (!is_field_text(secret)) {
    return unusable(credential,
                    "its secret holds a control byte (a line end, a tab?); the source must hold the "
                    "secret alone");
  }
  if (secret.front() == ' ' || secret.back() == ' ') {
    return unusable(credential,
                    "its secret begins or ends with a space; the source must hold the secret alone");
  }
  return ok();
}

Result<base::SecretBytes> join(base::SecretArena& arena, std::string_view prefix, std::string_view text) {
  base::SecretBytes joined = CLV_TRY(base::SecretBytes::allocate(arena, prefix.size() + text.size()));
  const std::span<std::byte> out = joined.reveal();
  std::ranges::copy(std::as_bytes(std::span(prefix)), out.begin());
  std::ranges::copy(std::as_bytes(std::span(text)), out.begin() + static_cast<std::ptrdiff_t>(prefix.size()));
  return joined;
}

std::unique_ptr<const Credential> seal_static(std::string name, Spot spot, std::string target,
                                              base::SecretBytes value, std::string_view bound_to,
                                              EchoMarks echoes, vault::ProcessKey& key) {
  vault::Sealed sealed = key.seal(value.reveal(), bound_to);
  return std::make_unique<StaticCredential>(std::move(name), spot, std::move(target), std::move(sealed),
                                            std::move(echoes));
}

}  // namespace claviger::credentials
