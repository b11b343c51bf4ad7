// SPDX-License-Identifier: Apache-2.0
#include "telemetry/redact_rules.h"

#include <algorithm>
#include <array>

namespace claviger::telemetry {
namespace {

constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alnum(char c) { return is_lower(c) || is_upper(c) || is_digit(c); }
constexpr char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

struct NameRow {
  std::string_view name;  // in lower case, without '-' and '_'
  NameKind kind;
};

constexpr auto kNames = std::to_array<NameRow>({
    {"authorization", NameKind::kLine},
    {"cookie", NameKind::kLine},
    {"cookies", NameKind::kLine},

    {"apikey", NameKind::kWord},
    {"apikeys", NameKind::kWord},
    {"accesskey", NameKind::kWord},
    {"authkey", NameKind::kWord},
    {"clientassertion", NameKind::kWord},
    {"codeverifier", NameKind::kWord},
    {"passphrase", NameKind::kWord},
    {"passwd", NameKind::kWord},
    {"password", NameKind::kWord},
    {"passwords", NameKind::kWord},
    {"privatekey", NameKind::kWord},
    {"secret", NameKind::kWord},
    {"secretkey", NameKind::kWord},
    {"secrets", NameKind::kWord},
    {"sessid", NameKind::kWord},
    {"sessionid", NameKind::kWord},
    {"subscriptionkey", NameKind::kWord},
    {"token", NameKind::kWord},

    {"accountkey", NameKind::kAssigned},
    {"encryptionkey", NameKind::kAssigned},
    {"jwt", NameKind::kAssigned},
    {"masterkey", NameKind::kAssigned},
    {"pwd", NameKind::kAssigned},
    {"signature", NameKind::kAssigned},
    {"signingkey", NameKind::kAssigned},

    {"assertion", NameKind::kQuery},
    {"auth", NameKind::kQuery},
    {"code", NameKind::kQuery},
    {"credential", NameKind::kQuery},
    {"hmac", NameKind::kQuery},
    {"key", NameKind::kQuery},
    {"otp", NameKind::kQuery},
    {"pass", NameKind::kQuery},
    {"pin", NameKind::kQuery},
    {"pw", NameKind::kQuery},
    {"samlresponse", NameKind::kQuery},
    {"session", NameKind::kQuery},
    {"sid", NameKind::kQuery},
    {"sig", NameKind::kQuery},
    {"sign", NameKind::kQuery},
    {"state", NameKind::kQuery},
    {"ticket", NameKind::kQuery},
    {"xamzcredential", NameKind::kQuery},
});

constexpr std::size_t kLongestName = [] {
  std::size_t longest = 0;
  for (const NameRow& row : kNames) longest = std::max(longest, row.name.size());
  return longest;
}();

enum class Tail : std::uint8_t {
  kToken,  // letters, digits, '_', '-'
  kUpper,  // capitals and digits
  kHex,
  kPath,   // kToken and '/'
  kClaviger,
  kJwt,
};

struct ShapeRow {
  std::string_view prefix;
  std::size_t rest;     // characters of `tail` that must follow
  Tail tail = Tail::kToken;
  bool bounded = false; // prefixes that also end words ("task-...") start at a boundary only
};

// In the order of their first characters (asserted below).
constexpr auto kShapes = std::to_array<ShapeRow>({
    {"ABIA", 16, Tail::kUpper},
    {"ACCA", 16, Tail::kUpper},
    {"AGE-SECRET-KEY-", 20},
    {"AIza", 30},
    {"AKIA", 16, Tail::kUpper},
    {"ASIA", 16, Tail::kUpper},
    {"ATATT3", 20},
    {"GOCSPX-", 20},
    {"PMAK-", 20},
    {"SG.", 20, Tail::kToken, true},
    {"clv_", 8, Tail::kClaviger},
    {"dapi", 32, Tail::kHex, true},
    {"dckr_pat_", 20},
    {"discord.com/api/webhooks/", 10, Tail::kPath},
    {"doo_v1_", 32, Tail::kHex},
    {"dop_v1_", 32, Tail::kHex},
    {"dor_v1_", 32, Tail::kHex},
    {"eyJ", 0, Tail::kJwt},
    {"figd_", 20},
    {"gho_", 20},
    {"ghp_", 20},
    {"ghr_", 20},
    {"ghs_", 20},
    {"ghu_", 20},
    {"github_pat_", 20},
    {"gldt-", 16},
    {"glpat-", 16},
    {"glptt-", 16},
    {"glrt-", 16},
    {"glsa_", 20},
    {"gsk_", 20},
    {"hf_", 20, Tail::kToken, true},
    {"hooks.slack.com/services/", 10, Tail::kPath},
    {"hooks.slack.com/workflows/", 10, Tail::kPath},
    {"hvb.", 20, Tail::kToken, true},
    {"hvs.", 20, Tail::kToken, true},
    {"lin_api_", 20},
    {"npm_", 30, Tail::kToken, true},
    {"nvapi-", 20},
    {"pplx-", 20},
    {"pypi-", 30},
    {"r8_", 20, Tail::kToken, true},
    {"rk_live_", 16},
    {"rk_test_", 16},
    {"rubygems_", 32},
    {"shpat_", 20},
    {"shpca_", 20},
    {"shppa_", 20},
    {"shpss_", 20},
    {"sk-", 16, Tail::kToken, true},
    {"sk-ant-", 16},
    {"sk-proj-", 16},
    {"sk_live_", 16},
    {"sk_test_", 16},
    {"sntrys_", 20},
    {"sq0atp-", 20},
    {"sq0csp-", 20},
    {"tskey-", 16},
    {"whsec_", 16},
    {"xai-", 20},
    {"xapp-", 10},
    {"xoxa-", 10},
    {"xoxb-", 10},
    {"xoxe-", 10},
    {"xoxe.", 10},
    {"xoxp-", 10},
    {"xoxr-", 10},
    {"xoxs-", 10},
    {"ya29.", 20},
});

struct Rows {
  std::uint8_t first = 0;
  std::uint8_t last = 0;
};

constexpr std::array<Rows, 256> kShapesByFirst = [] {
  std::array<Rows, 256> rows{};
  for (std::size_t i = kShapes.size(); i-- > 0;) {
    Rows& of = rows[static_cast<unsigned char>(kShapes[i].prefix[0])];
    if (of.last == 0) of.last = static_cast<std::uint8_t>(i + 1);
    of.first = static_cast<std::uint8_t>(i);
  }
  return rows;
}();
static_assert(kShapes.size() < 256);
static_assert(std::ranges::all_of(kShapes, [](const ShapeRow& row) { return row.prefix.size() > 1; }));
static_assert(std::ranges::is_sorted(kShapes, {}, [](const ShapeRow& row) { return row.prefix[0]; }));

bool in_tail(Tail tail, char c) noexcept {
  switch (tail) {
    case Tail::kUpper:
      return is_upper(c) || is_digit(c);
    case Tail::kHex:
      return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
    case Tail::kPath:
      return is_alnum(c) || c == '_' || c == '-' || c == '/';
    default:
      return is_alnum(c) || c == '_' || c == '-';
  }
}

// How many characters of `tail` stand at `at`, counting no further than `enough`.
std::size_t count_tail(std::string_view text, std::size_t at, Tail tail, std::size_t enough) noexcept {
  std::size_t count = 0;
  while (count < enough && at + count < text.size() && in_tail(tail, text[at + count])) ++count;
  return count;
}

// "eyJ" is what '{"' becomes in base64url. A header, a dot and some payload; or so much of a first part
// that it is one in any case.
bool is_jwt(std::string_view text, std::size_t at) noexcept {
  constexpr std::size_t kPlenty = 40;
  const std::size_t header = count_tail(text, at, Tail::kToken, kPlenty);
  if (header == kPlenty) return true;
  if (header < 8 || at + header >= text.size() || text[at + header] != '.') return false;
  std::size_t payload = at + header + 1;
  if (payload < text.size() && text[payload] == '.') ++payload;  // JWE with a direct key
  return count_tail(text, payload, Tail::kToken, 6) == 6;
}

std::optional<Shape> match_row(const ShapeRow& row, std::string_view text, std::size_t at) noexcept {
  if (row.tail == Tail::kJwt)
    return is_jwt(text, at + row.prefix.size()) ? std::optional(Shape{0}) : std::nullopt;
  const std::size_t keep = row.tail == Tail::kClaviger ? key_id_at(text, at) : 0;
  if (row.tail == Tail::kClaviger && keep == 0) return std::nullopt;
  const std::size_t tail = at + std::max(keep, row.prefix.size());
  if (count_tail(text, tail, row.tail, row.rest) < row.rest) return std::nullopt;
  return Shape{keep};
}

bool equals_lower(std::string_view text, std::string_view lower_case) noexcept {
  return std::ranges::equal(text, lower_case, {}, lower);
}

}  // namespace

std::optional<NameKind> classify_name(std::string_view name) noexcept {
  // The end of the name, normalized, written from the back; one more than the longest row, so that an
  // exact match can be told from the end of something longer.
  std::array<char, kLongestName + 1> buffer;
  std::size_t size = 0;
  for (std::size_t i = name.size(); i-- > 0 && size < buffer.size();) {
    if (!is_alnum(name[i])) continue;
    ++size;
    buffer[buffer.size() - size] = lower(name[i]);
  }
  const std::string_view ending(buffer.data() + buffer.size() - size, size);
  for (const NameRow& row : kNames) {
    if (row.kind == NameKind::kQuery ? ending == row.name : ending.ends_with(row.name)) return row.kind;
  }
  return std::nullopt;
}

std::size_t key_id_at(std::string_view text, std::size_t at) noexcept {
  constexpr std::string_view kPrefix = "clv_";
  constexpr std::size_t kIdMax = 16;
  if (!text.substr(at).starts_with(kPrefix)) return 0;
  const std::size_t id = at + kPrefix.size();
  std::size_t end = id;
  while (end < id + kIdMax && end < text.size() && (is_lower(text[end]) || is_digit(text[end]))) ++end;
  return end > id && end < text.size() && text[end] == '_' ? end + 1 - at : 0;
}

bool may_start_shape(char c) noexcept { return kShapesByFirst[static_cast<unsigned char>(c)].last != 0; }

std::optional<Shape> shape_at(std::string_view text, std::size_t at, bool at_boundary) noexcept {
  const Rows rows = kShapesByFirst[static_cast<unsigned char>(text[at])];
  if (at + 1 >= text.size()) return std::nullopt;
  for (std::size_t i = rows.first; i < rows.last; ++i) {
    const ShapeRow& row = kShapes[i];
    if (row.prefix[1] != text[at + 1] || (row.bounded && !at_boundary)) continue;
    if (!text.substr(at).starts_with(row.prefix)) continue;
    if (const auto shape = match_row(row, text, at)) return shape;
  }
  return std::nullopt;
}

std::size_t scheme_at(std::string_view text, std::size_t at) noexcept {
  constexpr auto kSchemes = std::to_array<std::string_view>({"bearer", "basic", "digest", "token"});
  for (const std::string_view scheme : kSchemes) {
    if (!equals_lower(text.substr(at, scheme.size()), scheme)) continue;
    const std::size_t end = at + scheme.size();
    if (end >= text.size() || !is_alnum(text[end])) return scheme.size();
  }
  return 0;
}

bool looks_like_token(std::string_view text) noexcept {
  constexpr std::size_t kShortest = 8;
  constexpr std::size_t kLongerThanWords = 20;
  std::size_t size = 0;
  bool odd_for_a_word = false;
  for (; size < text.size() && size < kLongerThanWords; ++size) {
    const char c = text[size];
    if (!is_alnum(c) && std::string_view("-._~+/=").find(c) == std::string_view::npos) break;
    const bool inner_capital = is_upper(c) && size > 0 && is_lower(text[size - 1]);
    odd_for_a_word |=
        inner_capital || is_digit(c) || std::string_view("-_~+=").find(c) != std::string_view::npos;
  }
  if (size < kShortest) return false;
  return size == kLongerThanWords || odd_for_a_word;
}

}  // namespace claviger::telemetry
