// SPDX-License-Identifier: Apache-2.0
#include "credentials/aws_signature.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/secret_arena.h"

namespace claviger::credentials {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kEndOfScope = "aws4_request";
constexpr std::string_view kPrefix = "AWS4";

std::span<const std::byte> octets(std::string_view text) noexcept { return std::as_bytes(std::span(text)); }

void write_decimal(char* out, unsigned value, std::size_t digits) noexcept {
  for (std::size_t i = digits; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

// What is written from now on goes when it does.
class Workspace {
 public:
  explicit Workspace(http::HeadWriter& out) noexcept : out_(out), start_(out.size()) {}
  ~Workspace() { out_.take_back(start_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

 private:
  http::HeadWriter& out_;
  std::size_t start_;
};

// What an HMAC is made of.
std::string_view write_string_to_sign(http::HeadWriter& out, std::string_view canonical, const AwsTime& time,
                                      const AwsScope& scope) noexcept {
  const AwsHex digest = aws_hex(crypto::Sha256().digest(canonical));
  const std::size_t start = out.size();
  out.append(kAlgorithm);
  out.append('\n');
  out.append(time.text());
  out.append('\n');
  write_aws_scope(out, time.day(), scope);
  out.append('\n');
  out.append(text_of(digest));
  return out.text().substr(start);
}

}  // namespace

AwsHex aws_hex(const crypto::Sha256Digest& digest) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  AwsHex hex;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto octet = static_cast<unsigned>(digest[i]);
    hex[2 * i] = kDigits[octet >> 4];
    hex[2 * i + 1] = kDigits[octet & 15];
  }
  return hex;
}

crypto::Sha256Digest aws_empty_digest() noexcept {
  static const crypto::Sha256Digest empty = crypto::Sha256().digest(std::string_view());
  return empty;
}

AwsTime::AwsTime(WallTime now) noexcept {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(now - day));
  write_decimal(text_.data(), static_cast<unsigned>(static_cast<int>(date.year())), 4);
  write_decimal(text_.data() + 4, static_cast<unsigned>(date.month()), 2);
  write_decimal(text_.data() + 6, static_cast<unsigned>(date.day()), 2);
  text_[8] = 'T';
  write_decimal(text_.data() + 9, static_cast<unsigned>(time.hours().count()), 2);
  write_decimal(text_.data() + 11, static_cast<unsigned>(time.minutes().count()), 2);
  write_decimal(text_.data() + 13, static_cast<unsigned>(time.seconds().count()), 2);
  text_[15] = 'Z';
}

AwsSigningKey::AwsSigningKey(std::string_view secret_access_key, std::string_view day,
                             const AwsScope& scope) noexcept {
  std::array<std::byte, kPrefix.size() + kMaxAwsSecretKey> secret;
  const std::size_t size = std::min(secret_access_key.size(), kMaxAwsSecretKey);
  std::memcpy(secret.data(), kPrefix.data(), kPrefix.size());
  std::memcpy(secret.data() + kPrefix.size(), secret_access_key.data(), size);
  key_ = crypto::hmac_sha256(std::span(secret).first(kPrefix.size() + size), octets(day));
  base::wipe(secret.data(), secret.size());
  for (const std::string_view part : {scope.region, scope.service, kEndOfScope})
    key_ = crypto::hmac_sha256(key_, octets(part));
}

AwsSigningKey::~AwsSigningKey() { base::wipe(key_.data(), key_.size()); }

void write_aws_scope(http::HeadWriter& out, std::string_view day, const AwsScope& scope) noexcept {
  for (const std::string_view part : {day, scope.region, scope.service}) {
    out.append(part);
    out.append('/');
  }
  out.append(kEndOfScope);
}

Result<AwsHex> sign_aws_request(http::HeadWriter& out, const AwsKeys& keys, const AwsScope& scope,
                                const AwsTime& time, std::string_view payload) {
  if (keys.secret_access_key.size() > kMaxAwsSecretKey)
    return Error(Code::kInternal, Blame::kGateway, "the secret access key is too long to be one");
  out.field("X-Amz-Date", time.text());
  if (!keys.session_token.empty()) out.field("X-Amz-Security-Token", keys.session_token);
  AwsHex signature{};
  if (!out.fits()) return signature;
  AwsRequest request;
  CLV_TRY_VOID(request.read(out.text(), scope));
  out.append("Authorization: ");
  out.append(kAlgorithm);
  out.append(" Credential=");
  out.append(keys.access_key_id);
  out.append('/');
  write_aws_scope(out, time.day(), scope);
  out.append(", SignedHeaders=");
  request.write_signed_names(out);
  out.append(", Signature=");
  const std::span<char> place = out.reserve(signature.size());
  out.append("\r\n");
  const Workspace workspace(out);
  const std::string_view canonical = CLV_TRY(request.write_canonical(out, payload));
  const std::string_view to_sign = write_string_to_sign(out, canonical, time, scope);
  if (!out.fits()) return signature;
  const AwsSigningKey key(keys.secret_access_key, time.day(), scope);
  signature = aws_hex(crypto::hmac_sha256(key.bytes(), octets(to_sign)));
  std::ranges::copy(signature, place.begin());
  return signature;
}

}  // namespace claviger::credentials
