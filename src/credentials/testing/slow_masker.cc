// SPDX-License-Identifier: Apache-2.0
#include "credentials/testing/slow_masker.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <functional>
#include <span>

#include "crypto/encode.h"

namespace claviger::credentials::testing {
namespace {

std::string encode(std::string_view text, bool for_urls) {
  std::string out(crypto::base64_size(text.size()), '\0');
  crypto::base64_encode(std::as_bytes(std::span(text)), out);
  if (for_urls) {
    std::ranges::replace(out, '+', '-');
    std::ranges::replace(out, '/', '_');
  }
  return out;
}

// What all base64 of something with the secret in it has in common there, found by putting other things around it.
SlowForm base64_form(std::string_view secret, std::size_t before, bool for_urls) {
  const auto around = [&](char prefix, char suffix) {
    return encode(std::string(before, prefix) + std::string(secret) + std::string(3, suffix), for_urls);
  };
  const std::string one = around('\0', '\0');
  const std::string other = around('\xff', '\xff');
  const std::string mixed = around('\0', '\xff');
  const std::size_t end = (8 * (before + secret.size())) / 6;
  std::size_t begin = end;
  while (begin > 0 && one[begin - 1] == other[begin - 1] && one[begin - 1] == mixed[begin - 1]) --begin;
  SlowForm form{one.substr(begin, end - begin), ""};
  if (8 * (before + secret.size()) % 6 == 0) return form;
  for (int suffix = 0; suffix < 256; suffix += 16) {  // at most four of its bits are in the character
    const char next = around('\0', static_cast<char>(suffix))[end];
    if (form.may_follow.find(next) == std::string::npos) form.may_follow.push_back(next);
  }
  return form;
}

std::string each(std::string_view secret, const std::function<std::string(char)>& written) {
  std::string out;
  for (const char c : secret) out += written(c);
  return out;
}

std::string hex(const char* format, char c) {
  char out[8];
  std::snprintf(out, sizeof out, format, static_cast<unsigned>(static_cast<unsigned char>(c)));
  return out;
}

std::string json(std::string_view secret, std::string_view more) {
  return each(secret, [&](char c) -> std::string {
    constexpr std::string_view kShort = "\"\\\b\t\n\f\r";
    constexpr std::string_view kNames = "\"\\btnfr";
    if (const std::size_t at = kShort.find(c); at != std::string_view::npos) return {'\\', kNames[at]};
    if (c >= 0 && c < 0x20) return hex("\\u%04x", c);
    if (more.find(c) == std::string_view::npos) return {c};
    return c == '/' ? "\\/" : hex("\\u%04x", c);
  });
}

std::string percent(std::string_view secret, const char* plain, bool lower, bool plus) {
  return each(secret, [&](char c) -> std::string {
    const std::string_view marks(plain == nullptr ? "" : plain);
    const bool is_letter = plain != nullptr && std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plus && c == ' ') return "+";
    if (is_letter || marks.find(c) != std::string_view::npos) return {c};
    return hex(lower ? "%%%02x" : "%%%02X", c);
  });
}

std::vector<std::string> parts_of(const std::string& secret) {
  const std::size_t count = (secret.size() + 1023) / 1024;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t from = secret.size() * i / count;
    parts.push_back(secret.substr(from, secret.size() * (i + 1) / count - from));
  }
  return parts;
}

std::size_t longest_at(std::string_view text, const std::vector<SlowForm>& forms) {
  std::size_t longest = 0;
  for (const SlowForm& form : forms) {
    if (!text.starts_with(form.text)) continue;
    const std::size_t size = form.text.size();
    const bool is_followed = text.size() > size && form.may_follow.find(text[size]) != std::string::npos;
    longest = std::max(longest, size + (is_followed ? 1 : 0));
  }
  return longest;
}

}  // namespace

std::vector<SlowForm> slow_forms(std::string_view secret) {
  std::vector<SlowForm> forms;
  const auto add = [&](SlowForm form) {
    const auto is_same = [&](const SlowForm& known) {
      return known.text == form.text && known.may_follow == form.may_follow;
    };
    if (std::ranges::none_of(forms, is_same)) forms.push_back(std::move(form));
  };
  add({std::string(secret), ""});
  for (const char* more : {"", "/", "<>&"}) add({json(secret, more), ""});
  for (const bool lower : {false, true}) {
    for (const char* plain : {"-._~", "-._~!*'()", "-._~/", "-._~!$&'()*+,;=:@"})
      add({percent(secret, plain, lower, false), ""});
    add({percent(secret, "-._*", lower, true), ""});
    add({percent(secret, nullptr, lower, false), ""});
  }
  for (std::size_t before = 0; before < 3; ++before)
    for (const bool for_urls : {false, true}) add(base64_form(secret, before, for_urls));
  return forms;
}

SlowMasker::SlowMasker(const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets)
    for (const std::string& part : parts_of(secret))
      for (SlowForm& form : slow_forms(part)) forms_.push_back(std::move(form));
}

std::string SlowMasker::mask(std::string text) const {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = longest_at(std::string_view(text).substr(at), forms_);
    std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(at), size, '*');
    at += std::max<std::size_t>(size, 1);
  }
  return text;
}

}  // namespace claviger::credentials::testing
