// SPDX-License-Identifier: Apache-2.0
#include "server/key_source.h"

#include <algorithm>

#include "vault/source.h"

namespace claviger::server {
namespace {

constexpr std::string_view kFile = "file:";
constexpr std::string_view kEnvironment = "env:";
constexpr std::string_view kPassphrase = "passphrase:";
constexpr std::string_view kTransit = "transit:";
constexpr std::size_t kLongestKeyName = 128;

// Not spelt out as "passphrase:...": what stands behind such a name is redacted in everything that is said.
Error unknown_form() {
  return {Code::kInvalid, Blame::kOperator,
          "must be file:PATH, env:NAME, transit:KEY, or one of the first two after the word passphrase and a "
          "colon"};
}

bool is_key_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kLongestKeyName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// Of file:, the path made absolute; anything else as it is.
std::string resolved(std::string_view source, const std::string& data_dir) {
  if (!source.starts_with(kFile) || source.substr(kFile.size()).starts_with('/')) return std::string(source);
  return std::string(kFile) + data_dir + "/" + std::string(source.substr(kFile.size()));
}

// One line, which a note of it has room for.
bool is_source(std::string_view source) {
  return vault::SecretSources::check(source).has_value() &&
         std::ranges::none_of(source, [](char c) { return c == '\n' || c == '\r'; });
}

}  // namespace

Result<KeySource> KeySource::parse(std::string_view text, const std::string& data_dir) {
  KeySource source;
  if (text.starts_with(kTransit)) {
    source = {
        .type = Type::kTransit, .text = std::string(text), .what = std::string(text.substr(kTransit.size()))};
    if (!is_key_name(source.what)) return unknown_form();
    return source;
  }
  const bool is_passphrase = text.starts_with(kPassphrase);
  if (is_passphrase) text.remove_prefix(kPassphrase.size());
  if (!is_source(text)) return unknown_form();
  const std::string inner = resolved(text, data_dir);
  if (is_passphrase) return KeySource{Type::kPassphrase, std::string(kPassphrase) + inner, inner};
  const bool is_file = inner.starts_with(kFile);
  return KeySource{is_file ? Type::kFile : Type::kEnvironment, inner,
                   inner.substr(is_file ? kFile.size() : kEnvironment.size())};
}

Result<void> KeySource::check(std::string_view text) {
  CLV_TRY(parse(text, "."));
  return ok();
}

}  // namespace claviger::server
