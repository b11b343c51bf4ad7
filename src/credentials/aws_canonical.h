// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "http/head_writer.h"
#include "http/message.h"

namespace claviger::credentials {

// What a signature is for (AWS Signature Version 4). Borrowed for that moment.
struct AwsScope {
  std::string_view region;
  std::string_view service;
  // Signed besides host, content-type, content-md5 and x-amz-*; lower case.
  std::span<const std::string_view> more_fields = {};
};

// S3 and its relatives read a path once where others read it twice, and want to be told the digest of the body.
bool is_s3_family(std::string_view service) noexcept;

// A request as it is signed, read from its head: the request line and fields, each ending with CRLF, as they go out.
//
// A query is read as a form's: '+' is a space. A '%' that no two hex digits follow stands for itself, as does anything else that
// is odd: the worst that comes of it is that the other side refuses the signature.
// Borrows head and scope. Allocates nothing; takes 11 KiB of stack. Secrets: none of its own.
class AwsRequest {
 public:
  AwsRequest() noexcept {}
  // kInternal when it is no such thing; kBadRequest, blame caller, when it has over 144 fields to be signed.
  Result<void> read(std::string_view head, const AwsScope& scope);
  // "host;x-amz-date".
  void write_signed_names(http::HeadWriter& out) const;
  // The canonical request, at the end of what it writes, which may be in the same memory as the head. `payload` is its last line: a
  // digest in hex, or UNSIGNED-PAYLOAD and the like. What does not fit is told by out.fits().
  // kBadRequest, blame caller: over 512 query parameters.
  Result<std::string_view> write_canonical(http::HeadWriter& out, std::string_view payload) const;

 private:
  struct Line {
    std::string_view name;
    std::string_view value;
  };
  static constexpr std::size_t kMaxLines =
      http::kMaxFields + 16;  // a caller's, and those that are written for him
  static bool is_before(const Line& a, const Line& b) noexcept;
  void write_fields(http::HeadWriter& out) const;

  std::string_view method_;
  std::string_view path_;
  std::string_view query_;
  bool is_s3_ = false;
  std::array<Line, kMaxLines> lines_;  // those that are signed, in their order
  std::size_t size_ = 0;
};

}  // namespace claviger::credentials
