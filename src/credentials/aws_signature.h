// SPDX-License-Identifier: Apache-2.0
#pragma once

// AWS Signature Version 4: what it takes to sign one request, for whoever has keys of AWS.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "credentials/aws_canonical.h"
#include "crypto/hash.h"
#include "http/head_writer.h"

namespace claviger::credentials {

// Views into the arena.
struct AwsKeys {
  std::string_view access_key_id;
  std::string_view secret_access_key;
  std::string_view session_token;  // empty: they are no temporary ones
};

inline constexpr std::size_t kMaxAwsSecretKey = 256;  // those of AWS have 40 bytes

// What stands for the digest of a body in x-amz-content-sha256.
inline constexpr std::string_view kAwsUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kAwsSignedChunks = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
inline constexpr std::string_view kAwsUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

using AwsHex = std::array<char, 64>;
AwsHex aws_hex(const crypto::Sha256Digest& digest) noexcept;
inline std::string_view text_of(const AwsHex& hex) noexcept { return {hex.data(), hex.size()}; }
// Of no body.
crypto::Sha256Digest aws_empty_digest() noexcept;

// When something is signed, as AWS writes it: "20150830T123600Z".
class AwsTime {
 public:
  explicit AwsTime(WallTime now) noexcept;
  std::string_view text() const noexcept { return {text_.data(), text_.size()}; }
  std::string_view day() const noexcept { return text().substr(0, 8); }

 private:
  std::array<char, 16> text_;
};

// What is good for signing on one day, in one region, for one service. Wiped when it goes.
class AwsSigningKey {
 public:
  // Requires: the secret has kMaxAwsSecretKey bytes at most.
  AwsSigningKey(std::string_view secret_access_key, std::string_view day, const AwsScope& scope) noexcept;
  ~AwsSigningKey();
  AwsSigningKey(const AwsSigningKey&) = delete;
  AwsSigningKey& operator=(const AwsSigningKey&) = delete;
  std::span<const std::byte> bytes() const noexcept { return key_; }

 private:
  crypto::Sha256Digest key_;
};

// "20150830/us-east-1/service/aws4_request".
void write_aws_scope(http::HeadWriter& out, std::string_view day, const AwsScope& scope) noexcept;

// Writes what makes a signed request of the request line and the fields in `out`: X-Amz-Date, X-Amz-Security-Token and Authorization,
// each with its line end. Host must be there already, and so must X-Amz-Content-Sha256 where the service wants it (S3's family).
// `payload` is the digest of the body in hex, or one of the texts above. Gives the signature.
//
// Nothing of them may be in `out` before. The room behind is worked in, and wiped: as much again as is in `out`, and as the query
// three times. What does not fit is told by out.fits().
// kInternal where secret_access_key is too long, and the errors of AwsRequest. Allocates nothing but what HMACs take from the arena.
Result<AwsHex> sign_aws_request(http::HeadWriter& out, const AwsKeys& keys, const AwsScope& scope,
                                const AwsTime& time, std::string_view payload);

}  // namespace claviger::credentials
