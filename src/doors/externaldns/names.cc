// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/document.h"
#include "base/parse.h"
#include "doors/externaldns/idn.h"

namespace claviger::doors::externaldns {
namespace {

constexpr std::string_view kWildcard = "_wildcard_";
constexpr std::string_view kApex = "_apex_";
constexpr std::size_t kMostLabel = 63;
constexpr std::size_t kMostName = 253;

Error is_no_name(std::string_view name, std::string_view why) {
  return Error::formatted(Code::kBadRequest, Blame::kCaller,
                          fmt::format("'{}' is no name: {}", base::printable_name(name), why));
}

constexpr bool is_ascii(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}
constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr bool is_label_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';
}

enum class Stars : std::uint8_t { kAsFirstLabel, kAnywhere };

Result<void> append_label(std::string& out, std::string_view label, std::string_view whole, Stars stars) {
  if (label.empty()) return is_no_name(whole, "it has an empty label");
  // As UTF-8 it may be longer than in punycode, where a point may take one character, but not four times as long.
  if (label.size() > 4 * kMostLabel) return is_no_name(whole, "a label is longer than 63 bytes");
  const std::size_t begin = out.size();
  if (is_ascii(label)) {
    std::ranges::transform(label, std::back_inserter(out), [](char c) { return lower(c); });
  } else {
    const auto ascii = label_to_ascii(label);
    if (!ascii.has_value())
      return is_no_name(whole, "a label of other than ASCII letters cannot be written in punycode");
    out += *ascii;
  }
  const std::string_view made = std::string_view(out).substr(begin);
  if (made.size() > kMostLabel) return is_no_name(whole, "a label is longer than 63 bytes");
  if (label == "*" && begin == 0) return ok();
  if (made.front() == '-' || made.back() == '-') return is_no_name(whole, "a label begins or ends with '-'");
  const bool may_have_stars = stars == Stars::kAnywhere;
  for (const char c : made) {
    if (is_label_character(c) || (c == '*' && may_have_stars)) continue;
    if (c == '*') return is_no_name(whole, "'*' is not all of its first label");
    return is_no_name(whole, "it has characters that names do not have");
  }
  return ok();
}

Result<std::string> canonical(std::string_view text, Stars stars) {
  const std::string_view whole = text;
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return is_no_name(whole, "it is empty");
  if (text.size() > 4 * kMostName) return is_no_name(whole, "it is longer than 253 bytes");
  if (!base::is_utf8(text)) return is_no_name(whole, "it is not UTF-8");
  std::string out;
  while (true) {
    const std::size_t dot = text.find('.');
    CLV_TRY_VOID(append_label(out, text.substr(0, dot), whole, stars));
    if (dot == std::string_view::npos) break;
    out += '.';
    text.remove_prefix(dot + 1);
  }
  if (out.size() > kMostName) return is_no_name(whole, "it is longer than 253 bytes");
  return out;
}

auto find_zone(std::string_view name, std::span<const std::string> zones) noexcept {
  const auto found = std::ranges::lower_bound(zones, name);
  return found != zones.end() && *found == name ? found : zones.end();
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

Result<std::string> canonical_name(std::string_view text, bool or_root) {
  if (or_root && text == ".") return std::string(".");
  return canonical(text, Stars::kAsFirstLabel);
}

bool is_within(std::string_view name, std::string_view zone) noexcept {
  if (!name.ends_with(zone)) return false;
  return name.size() == zone.size() || name[name.size() - zone.size() - 1] == '.';
}

std::string_view zone_of(std::string_view name, std::span<const std::string> zones) noexcept {
  while (true) {
    const auto zone = find_zone(name, zones);
    if (zone != zones.end()) return *zone;
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return {};
    name.remove_prefix(dot + 1);
  }
}

bool is_heritage(std::string_view text) noexcept { return text.starts_with("heritage=external-dns"); }

bool may_be_encrypted(std::string_view text) noexcept {
  constexpr std::size_t kLeast = 40;  // nonce, tag and some text
  const auto is_base64 = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=';
  };
  return text.size() >= kLeast && text.size() % 4 == 0 && std::ranges::all_of(text, is_base64);
}

std::string_view heritage_owner(std::string_view text) noexcept {
  constexpr std::string_view kLabel = "external-dns/owner=";
  const std::size_t at = is_heritage(text) ? text.find(kLabel) : std::string_view::npos;
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + kLabel.size());
  return text.substr(0, text.find(','));
}

Result<std::string> stored_registry_name(std::string_view name, std::span<const std::string> zones) {
  std::string stored = CLV_TRY(canonical(name, Stars::kAnywhere));
  if (!stored.starts_with("*.")) replace_all(stored, "*", kWildcard);
  if (zone_of(stored, zones).empty()) {
    // The longest zone that it ends in without a dot before it.
    for (std::size_t at = 1; at < stored.size(); ++at) {
      if (find_zone(std::string_view(stored).substr(at), zones) == zones.end()) continue;
      stored.insert(at, fmt::format("{}.", kApex));
      break;
    }
  }
  return canonical_name(stored);
}

std::string shown_registry_name(std::string_view name, std::string_view zone) {
  std::string shown(name);
  const std::string apex = fmt::format("{}.{}", kApex, zone);
  if (shown.size() > apex.size() && shown.ends_with(apex) && shown[shown.size() - apex.size() - 1] != '.')
    shown.erase(shown.size() - apex.size(), kApex.size() + 1);
  replace_all(shown, kWildcard, "*");
  return shown;
}

}  // namespace claviger::doors::externaldns
