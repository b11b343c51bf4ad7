// SPDX-License-Identifier: Apache-2.0
#include "credentials/echo_marks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "base/secret_arena.h"
#include "credentials/echo_forms.h"

namespace claviger::credentials {
namespace {

// A longer secret is looked for in pieces of about this size: so much of an answer is held back at most where it ends within an
// echo, times what a form makes of a byte.
constexpr std::size_t kMostPart = 1024;
// Places of the filter for each gram in it: with fewer, what is there by chance costs more than what is looked for.
constexpr std::size_t kSparse = 64;

std::uint64_t hash(const char* gram, std::uint64_t key) noexcept {
  std::uint32_t value;
  std::memcpy(&value, gram, sizeof value);
  return value * key;
}

// Of `size` bytes, 8 at least.
std::uint64_t hash_beginning(const char* text, std::size_t size, std::uint64_t key) noexcept {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::uint64_t hash = key;
  const auto add = [&](const char* at) {
    std::uint64_t word;
    std::memcpy(&word, at, kWord);
    hash = (hash ^ word) * key;
    hash ^= hash >> 32;
  };
  for (std::size_t at = 0; at + kWord <= size; at += kWord) add(text + at);
  add(text + size - kWord);
  return hash;
}

// "-----BEGIN PRIVATE KEY-----" is no secret.
constexpr std::string_view kPemFrame = "-----";

Error too_short() {
  return Error(Code::kInvalid, Blame::kOperator,
               "its secret is shorter than 16 bytes, so that it could not be told from other text in answers "
               "and masked there; use a longer one, or say answers: { mask: false } in the upstream");
}

std::uint64_t key_in(const base::SecretBytes& bytes) noexcept {
  std::uint64_t key;
  std::memcpy(&key, bytes.reveal().data(), sizeof key);
  return key;
}

}  // namespace

class TableBuilder {
 public:
  Result<EchoMarks> build(std::span<const std::string_view> secrets, std::string_view bound_to,
                          vault::ProcessKey& key);

 private:
  void cut_line(std::size_t begin, std::size_t size);
  void cut(std::string_view all, std::size_t begin, std::size_t size);
  void fill(std::string_view all);
  void fill_with(EchoForm form, std::string_view secret, std::uint64_t key);

  std::shared_ptr<EchoMarks::Table> table_ = std::make_shared<EchoMarks::Table>();
};

// A line into parts of much the same size, none of which is too short.
void TableBuilder::cut_line(std::size_t begin, std::size_t size) {
  const std::size_t count = (size + kMostPart - 1) / kMostPart;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t from = size * i / count;
    const std::size_t to = size * (i + 1) / count;
    table_->parts.push_back(
        {static_cast<std::uint32_t>(begin + from), static_cast<std::uint32_t>(to - from), 0});
  }
}

// So that no form has a line's end in it, and an event that is complete never waits.
void TableBuilder::cut(std::string_view all, std::size_t begin, std::size_t size) {
  const std::size_t end = begin + size;
  const auto is_control = [&](std::size_t at) { return static_cast<unsigned char>(all[at]) < ' '; };
  while (begin < end) {
    std::size_t to = begin;
    while (to < end && !is_control(to)) ++to;
    const std::string_view line = all.substr(begin, to - begin);
    if (line.size() >= kLeastMarkedSecret && !line.starts_with(kPemFrame)) cut_line(begin, line.size());
    begin = to + 1;
  }
}

void TableBuilder::fill(std::string_view all) {
  std::size_t window = EchoMarks::kMostWindow;
  std::size_t forms = 0;
  for (EchoMarks::Part& part : table_->parts) {
    const std::string_view secret = all.substr(part.offset, part.size);
    window = std::min(window, secret.size());
    table_->is_of_tokens = table_->is_of_tokens && std::ranges::all_of(secret, &is_of_tokens);
    for (std::size_t i = 0; i < static_cast<std::size_t>(EchoForm::kCount); ++i) {
      const auto form = static_cast<EchoForm>(i);
      if (!looks_different(form, secret)) continue;
      part.forms |= 1U << i;
      table_->longest = std::max(table_->longest, size_of(form, secret));
      ++forms;
    }
  }
  table_->stride = window - EchoMarks::kGram + 1;
  const std::size_t places = std::bit_ceil(forms * table_->stride * kSparse);
  table_->filter.resize(places);
  table_->shift = static_cast<unsigned>(64 - std::countr_zero(places));
  const std::uint64_t key = key_in(*table_->key);
  for (const EchoMarks::Part& part : table_->parts)
    for (std::size_t form = 0; form < static_cast<std::size_t>(EchoForm::kCount); ++form)
      if ((part.forms >> form & 1) != 0)
        fill_with(static_cast<EchoForm>(form), all.substr(part.offset, part.size), key);
  std::ranges::sort(table_->beginnings);
}

void TableBuilder::fill_with(EchoForm form, std::string_view secret, std::uint64_t key) {
  std::array<char, EchoMarks::kMostWindow> text;
  const std::size_t window = table_->stride + EchoMarks::kGram - 1;
  write_beginning(form, secret, text.data(), window);
  table_->beginnings.push_back(hash_beginning(text.data(), window, key));
  for (std::size_t i = 0; i < table_->stride; ++i)
    table_->filter[hash(text.data() + i, key) >> table_->shift] = 1;
  base::wipe(text.data(), text.size());
}

Result<EchoMarks> TableBuilder::build(std::span<const std::string_view> secrets, std::string_view bound_to,
                                      vault::ProcessKey& key) {
  std::size_t size = 0;
  for (const std::string_view secret : secrets) {
    if (secret.size() < kLeastMarkedSecret) return too_short();
    size += secret.size();
  }
  if (size == 0) return EchoMarks();
  if (size > EchoMarks::kMostSecrets)
    return Error(Code::kInvalid, Blame::kOperator, "its secrets have more than 48 KiB together");
  base::SecretBytes all = CLV_TRY(base::SecretBytes::allocate(key.arena(), size));
  auto out = all.reveal().begin();
  for (const std::string_view secret : secrets)
    out = std::ranges::copy(std::as_bytes(std::span(secret)), out).out;
  table_->key = key.mark_key();
  std::size_t begin = 0;
  for (const std::string_view secret : secrets) {
    const std::size_t before = table_->parts.size();
    cut(all.reveal_text(), begin, secret.size());
    if (table_->parts.size() == before) return too_short();
    begin += secret.size();
  }
  fill(all.reveal_text());
  table_->sealed = key.seal(all.reveal(), bound_to);
  return EchoMarks(std::move(table_));
}

Result<EchoMarks> EchoMarks::of(std::span<const std::string_view> secrets, std::string_view bound_to,
                                vault::ProcessKey& key) {
  return TableBuilder().build(secrets, bound_to, key);
}

Result<void> EchoMarks::open(vault::Opener& opener, std::span<char> out) const noexcept {
  return opener.open(table_->sealed, std::as_writable_bytes(out.first(opened_size())));
}

// Every form has stride grams in a row in the filter, and so one at a place that is looked at. A run of so many by chance is rare, but for
// text that repeats one gram, which may be there by chance.
std::size_t EchoMarks::next_start(const char* text, std::size_t from, std::size_t size) const noexcept {
  const std::size_t stride = table_->stride;
  if (size < from + window()) return kNone;
  const std::uint64_t key = key_in(*table_->key);
  const std::uint8_t* filter = table_->filter.data();
  const unsigned shift = table_->shift;
  const auto is_there = [=](std::size_t at) { return filter[hash(text + at, key) >> shift]; };
  const std::size_t last = size - kGram;
  std::size_t at = from + stride - 1;
  while (true) {
    // Most of them are nothing: four at a time, with one question.
    while (at + 3 * stride <= last && (is_there(at) | is_there(at + stride) | is_there(at + 2 * stride) |
                                       is_there(at + 3 * stride)) == 0)
      at += 4 * stride;
    if (at > last) return kNone;
    if (is_there(at) == 0) {
      at += stride;
      continue;
    }
    std::size_t begin = at;
    while (begin > from && at - begin < stride - 1 && is_there(begin - 1) != 0) --begin;
    std::size_t end = at;
    while (end - begin < stride - 1 && end < last && is_there(end + 1) != 0) ++end;
    if (end - begin < stride - 1) {
      at += stride;
      continue;
    }
    if (is_beginning(text + begin, key)) return begin;
    from = begin + 1;
    at = begin + stride;
  }
}

bool EchoMarks::is_beginning(const char* text, std::uint64_t key) const noexcept {
  return std::ranges::binary_search(table_->beginnings, hash_beginning(text, window(), key));
}

bool EchoMarks::may_begin_with(const char* gram) const noexcept {
  return table_->filter[hash(gram, key_in(*table_->key)) >> table_->shift] != 0;
}

Error unmarkable(std::string_view credential, const Error& why) {
  std::string text("credential '");
  text.append(credential).append("': ").append(why.what());
  return Error::formatted(why.code(), why.blame(), std::move(text));
}

}  // namespace claviger::credentials
