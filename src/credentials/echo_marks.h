// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "credentials/echo_forms.h"
#include "vault/process_key.h"

namespace claviger::credentials {

// A secret that is shorter could not be told apart from what stands in answers anyway.
inline constexpr std::size_t kLeastMarkedSecret = 16;

// By what the bytes of secrets are known again in an upstream's answer, in every form in which an echo may show them (echo_forms.h),
// without a secret being kept open for it.
//
// Of the beginning of each form every run of four bytes (a gram) is put into a filter of some KiB, by a hash under a key of this
// process. Who searches looks at every stride()-th gram alone: within an echo one of those is in the filter, and so are all stride() grams from
// the form's first on. Only then the secret is opened, and the whole form compared.
//
// Threads: any; immutable, and cheap to copy. Secrets: sealed bytes, and a filter. With the filter and its key, which lies in
// the arena, guesses at a secret's first bytes could be tested: whoever has both can open the secret as well.
class EchoMarks {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};
  static constexpr std::size_t kGram = 4;
  // Bytes of a form's beginning that are in the filter: with more, fewer places of a text are looked at, and more are set in the filter.
  static constexpr std::size_t kMostWindow = 35;
  static constexpr std::size_t kMostSecrets = std::size_t{48} << 10;  // bytes, of all secrets together

  EchoMarks() noexcept = default;  // nothing to look for
  // Of all these secrets, each of at least kLeastMarkedSecret bytes: kInvalid otherwise, and when they are too many; the message quotes
  // none, and no name: unmarkable() does. `bound_to`: the associated data under which they are sealed.
  static Result<EchoMarks> of(std::span<const std::string_view> secrets, std::string_view bound_to,
                              vault::ProcessKey& key);

  bool is_empty() const noexcept { return table_ == nullptr; }

  // What follows requires that there is something to look for.

  // A piece of a secret that is looked for as a whole: all of it, but of one with several lines each of them, without those that frame a key
  // in PEM and those that are too short; and of very long ones parts.
  struct Part {
    std::uint32_t offset = 0;  // in what open() gives
    std::uint32_t size = 0;
    std::uint32_t forms = 0;  // bits by EchoForm: those that look different
  };
  std::span<const Part> parts() const noexcept { return table_->parts; }
  // The secrets one after the other, into `out`, whose first opened_size() bytes the caller wipes.
  std::size_t opened_size() const noexcept { return table_->sealed.plain_size(); }
  Result<void> open(vault::Opener& opener, std::span<char> out) const noexcept;

  // How many bytes of a form it takes to tell it by.
  std::size_t window() const noexcept { return table_->stride + kGram - 1; }
  // Where in text[from, size) a form may begin, at the earliest; kNone: nowhere, but perhaps in the last window() - 1 bytes.
  std::size_t next_start(const char* text, std::size_t from, std::size_t size) const noexcept;
  // Whether a form may begin with these four bytes.
  bool may_begin_with(const char* gram) const noexcept;

  // How long an echo is at most, and whether a byte may stand in one. Of the secrets both say their sizes, and whether they have anything in
  // them but what tokens have, no more.
  std::size_t longest() const noexcept { return table_->longest; }
  bool may_hold(char c) const noexcept {
    return table_->is_of_tokens ? is_of_tokens(c) : static_cast<unsigned char>(c) >= ' ';
  }

 private:
  struct Table {
    // By the hash: 1 where there is a gram. Bytes, not bits, since it is by what it takes to look at one that masking costs.
    std::vector<std::uint8_t> filter;
    unsigned shift = 0;  // from a hash to a place
    std::vector<std::uint64_t> beginnings;  // of all forms, by their hashes under the key; sorted
    std::size_t stride = 0;
    std::size_t longest = 0;
    bool is_of_tokens = true;
    std::vector<Part> parts;
    vault::Sealed sealed;
    std::shared_ptr<const base::SecretBytes> key;
  };
  friend class TableBuilder;
  bool is_beginning(const char* text, std::uint64_t key) const noexcept;
  explicit EchoMarks(std::shared_ptr<const Table> table) noexcept : table_(std::move(table)) {}

  std::shared_ptr<const Table> table_;
};

// "credential '<name>': ...", kInvalid: what to do about a secret that is too short to be masked.
Error unmarkable(std::string_view credential, const Error& why);

}  // namespace claviger::credentials
