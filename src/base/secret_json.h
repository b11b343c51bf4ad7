// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_arena.h"
#include "base/secret_bytes.h"

namespace claviger::base {

// JSON that carries secrets, such as a token endpoint's answer: parsed in the arena, of which nothing is left once this goes.
//
//   const SecretJson answer = CLV_TRY(SecretJson::parse(body.reveal_text(), arena, "the token endpoint's answer"));
//   const auto token = answer.text({"access_token"});
//
// Threads: one. Secrets: what it gives are views into the arena, valid as long as it lives.
class SecretJson {
 public:
  // As strict as parse_json(); at most 256 KiB of text, 16 levels and 10,000 values. kInvalid says what is wrong, with `what` and
  // never a piece of the text; kUnavailable when the arena is spent.
  static Result<SecretJson> parse(std::string_view text, SecretArena& arena, std::string_view what);
  SecretJson(SecretJson&&) noexcept;
  SecretJson& operator=(SecretJson&&) noexcept;
  ~SecretJson();

  // The member at the end of a path through objects: a string, or a number that is a whole one and not negative. Nothing when it is
  // not there or of another type.
  std::optional<std::string_view> text(std::initializer_list<std::string_view> path) const;
  std::optional<std::uint64_t> number(std::initializer_list<std::string_view> path) const;
  std::optional<bool> boolean(std::initializer_list<std::string_view> path) const;
  // Whether it is there at all, and not null.
  bool has(std::initializer_list<std::string_view> path) const;
  // The same for a path that is only known at run time.
  std::optional<std::string_view> text_at(std::span<const std::string> path) const;
  std::optional<std::uint64_t> number_at(std::span<const std::string> path) const;
  bool has_at(std::span<const std::string> path) const;

 private:
  struct Parsed;
  explicit SecretJson(std::unique_ptr<Parsed> parsed) noexcept;
  std::unique_ptr<Parsed> parsed_;
};

}  // namespace claviger::base
