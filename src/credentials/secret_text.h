// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/secret_arena.h"
#include "base/secret_bytes.h"

namespace claviger::credentials {

// Text with secrets in it, put together in the arena: bodies of requests for tokens, and what is signed.
//
//   SecretText body(arena);
//   body.append("grant_type=client_credentials&client_id=").append_form(id);
//   const base::SecretBytes text = CLV_TRY(std::move(body).take());
//
// Threads: one. Secrets: what it outgrows is wiped.
class SecretText {
 public:
  explicit SecretText(base::SecretArena& arena) noexcept : arena_(arena) {}

  SecretText& append(std::string_view text) noexcept;
  SecretText& append_number(std::uint64_t number) noexcept;
  // Percent-encoded, all but the unreserved characters of RFC 3986 section 2.3: right in a query and in a form.
  SecretText& append_form(std::string_view text) noexcept;
  // "&name=value", without the '&' in front; both encoded.
  SecretText& append_pair(std::string_view name, std::string_view value) noexcept;
  // A JSON string, quotes included. Requires: UTF-8.
  SecretText& append_json(std::string_view text) noexcept;
  SecretText& append_base64(std::span<const std::byte> data) noexcept;
  SecretText& append_base64url(std::span<const std::byte> data) noexcept;  // RFC 7515: without padding

  std::string_view text() const noexcept { return held_.reveal_text().substr(0, size_); }
  // kUnavailable where the arena was spent, or what there is was too much for it.
  Result<base::SecretBytes> take() &&;

 private:
  // Room for so much, to be written to; empty where there is none any more.
  std::span<char> grow(std::size_t size) noexcept;

  base::SecretArena& arena_;
  base::SecretBytes held_;
  std::size_t size_ = 0;
  bool failed_ = false;
};

}  // namespace claviger::credentials
