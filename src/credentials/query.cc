// SPDX-License-Identifier: Apache-2.0
// { kind: query, name: key }: a query parameter. The secret is percent-encoded, all but the unreserved
// characters of RFC 3986 section 2.3.
#include <algorithm>

#include "credentials/static_credential.h"

namespace claviger::credentials {

const Kind& query_kind() noexcept;

namespace {

constexpr std::size_t kMaxNameSize = 64;

bool is_unreserved(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

Result<base::SecretBytes> percent_encode(base::SecretArena& arena, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto plain = static_cast<std::size_t>(std::ranges::count_if(text, is_unreserved));
  base::SecretBytes encoded = CLV_TRY(base::SecretBytes::allocate(arena, plain + 3 * (text.size() - plain)));
  auto out = encoded.reveal().begin();
  const auto put = [&](char c) { *out++ = static_cast<std::byte>(c); };
  for (const char c : text) {
    if (is_unreserved(c)) {
      put(c);
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    put('%');
    put(kDigits[octet >> 4]);
    put(kDigits[octet & 15]);
  }
  return encoded;
}

Result<std::string> read_name(const base::Document& auth) {
  base::ObjectReader reader = CLV_TRY(base::ObjectReader::of(auth, "auth of kind query"));
  CLV_TRY_VOID(reader.required("kind"));
  std::string name = CLV_TRY(reader.required_string("name"));
  CLV_TRY_VOID(reader.finish());
  if (name.empty() || name.size() > kMaxNameSize || !std::ranges::all_of(name, is_unreserved)) {
    return base::invalid_at(auth.place,
                            "auth.name is a query parameter's name: 1 to 64 letters, digits, '-', '.', "
                            "'_' and '~'");
  }
  return name;
}

class QueryKind final : public Kind {
 public:
  std::string_view name() const noexcept override { return "query"; }

  Result<void> check(const base::Document& auth) const override {
    CLV_TRY_VOID(read_name(auth));
    return ok();
  }

  Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const override {
    std::string parameter = CLV_TRY(read_name(material.auth));
    const std::string_view secret = material.secret.reveal_text();
    CLV_TRY_VOID(check_secret(material.name, secret));
    EchoMarks echoes = CLV_TRY(marks_of(material, {&secret, 1}, key));
    base::SecretBytes value = CLV_TRY(percent_encode(key.arena(), secret));
    return seal_static(std::move(material.name), Spot::kQuery, std::move(parameter), std::move(value),
                       material.bound_to, std::move(echoes), key);
  }
};

}  // namespace

const Kind& query_kind() noexcept {
  static const QueryKind kind;
  return kind;
}

}  // namespace claviger::credentials
