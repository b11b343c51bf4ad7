// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "credentials/aws_chunk_reader.h"
#include "credentials/aws_signature.h"
#include "credentials/body_coder.h"
#include "crypto/hash.h"

namespace claviger::credentials {

// A body in signed chunks of 64 KiB (Amazon S3 API reference, "Transferring payload in multiple chunks"): each is signed as it
// goes out, on top of the signature before it, so that nothing has to be held.
//
// Owns: 64 KiB on the heap, where a chunk is gathered. Secrets: the signing key, in the arena.
class AwsChunkCoder final : public BodyCoder {
 public:
  struct Seed {
    const AwsSigningKey& key;
    const AwsHex& signature;  // of the head
    const AwsTime& time;
    const AwsScope& scope;
  };
  // For a body of `size` bytes. `is_chunked`: it comes in chunks that the caller has signed, which are taken apart.
  // kUnavailable when the arena is spent.
  static Result<std::unique_ptr<BodyCoder>> create(const Seed& seed, std::uint64_t size, bool is_chunked);
  static std::uint64_t coded_size(std::uint64_t size) noexcept;

  Result<std::string_view> take(std::string_view& piece) override;
  Result<std::string_view> finish() override;

 private:
  AwsChunkCoder(crypto::HmacSha256 mac, const Seed& seed, std::uint64_t size, bool is_chunked);
  std::string_view sign(std::string_view data) noexcept;
  std::string_view frame() noexcept;

  crypto::HmacSha256 mac_;
  std::string prefix_;  // of what is signed: algorithm, time and scope
  AwsHex signature_;  // the last one
  std::uint64_t left_;  // of the body, still to come
  std::optional<AwsChunkReader> reader_;
  std::unique_ptr<char[]> buffer_;
  std::size_t filled_ = 0;  // of the chunk that is gathered
};

}  // namespace claviger::credentials
