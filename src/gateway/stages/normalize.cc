// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>

#include "base/parse.h"
#include "gateway/stages/stages.h"
#include "gateway/strip_names.h"
#include "identity/api_key.h"

namespace claviger::gateway::stages {
namespace {

constexpr std::size_t kKeyStart = 13;  // "clv_", eight of the id, "_": what contains_api_key() looks for

// The same behind percent-encoding, which hides a key from logs no better than from us.
bool contains_encoded_api_key(std::string_view target) noexcept {
  if (target.find('%') == std::string_view::npos) return false;
  std::array<char, kKeyStart> window{};
  for (std::size_t i = 0; i < target.size(); ++i) {
    char decoded = target[i];
    std::byte octet{};
    if (decoded == '%' && i + 2 < target.size() &&
        base::parse_hex(target.substr(i + 1, 2), {&octet, 1}).has_value()) {
      decoded = static_cast<char>(octet);
      i += 2;
    }
    std::memmove(window.data(), window.data() + 1, window.size() - 1);
    window.back() = decoded;
    if (window.front() == 'c' && identity::contains_api_key({window.data(), window.size()})) return true;
  }
  return false;
}

// Fields by which frameworks let a request be another than its request line says. Policy has matched the
// line; what is meant by these cannot be known here.
constexpr std::array<std::string_view, 9> kOverrides{
    "x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-original-url",
    "x-original-uri",         "x-rewrite-url", "x-forwarded-uri",   "x-forwarded-prefix"};

bool has_override(const http::Fields& fields) noexcept {
  return std::any_of(fields.begin(), fields.end(), [](const http::Field& field) {
    return field.known == http::FieldName::kOther && (field.name[0] | 0x20) == 'x' &&
           std::any_of(kOverrides.begin(), kOverrides.end(),
                       [&](std::string_view folded) { return equals_folded(field.name, folded); });
  });
}

}  // namespace

Result<void> normalize(Call& call, Worker& worker) noexcept {
  const std::string_view target = call.head->target;
  if (identity::contains_api_key(target) || contains_encoded_api_key(target))
    return refused_by(
        "key_in_url", call,
        Error(Code::kBadRequest, Blame::kCaller,
              "an API key stands in the URL, where it ends up in logs; send it in a header, and "
              "have this one replaced"));
  if (has_override(call.head->fields))
    return refused_by("override", call,
                      Error(Code::kBadRequest, Blame::kCaller,
                            "a field overrides the method or the path (X-HTTP-Method-Override and kin); send "
                            "the request as it is meant"));
  const auto path = http::check_canonical_path(call.head->path);
  if (!path.has_value()) {
    worker.metrics.add(telemetry::Side::kCaller, telemetry::CodecRule::kPath);
    return refused_by("path", call, path.error());
  }
  call.path = *path;
  call.path_is_canonical = true;
  return ok();
}

}  // namespace claviger::gateway::stages
